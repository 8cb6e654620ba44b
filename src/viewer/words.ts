/** Facts of a receipt in words. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CapturedFile, CellError } from '../api/types';
import { innermostFrame, ownName } from './traceback';

/**
 * A size as people read it: `0 B`, `12.3 kB`, `4.0 MB`.
 *
 * @param bytes - The size.
 */
export function sizeLabel(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  // Not 1000: 999.95 kB would be written 1000.0 kB.
  while (size >= 999.95 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${size} B` : `${size.toFixed(1)} ${units[unit]}`;
}

/**
 * A parameter as one writes it: `lr=0.01`.
 *
 * @param name - Its name.
 * @param value - Its JSON value.
 */
export function parameterLabel(name: string, value: unknown): string {
  return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

/**
 * The beginning of a snapshot id, as git shows its own.
 *
 * @param id - 64 hexadecimal digits.
 */
export function shortId(id: string): string {
  return id.slice(0, 10);
}

/**
 * An error in one line, with the user's own line of code.
 *
 * @param error - The error.
 * @param captured - The captured files, to name them as their owner does.
 * @param trans - The words.
 * @returns Such as "in features.py, line 12: KeyError 'label'".
 */
export function errorLine(
  error: CellError,
  captured: readonly CapturedFile[],
  trans: TranslationBundle
): string {
  const [evalue] = error.evalue.split('\n', 1);
  const what = `${error.ename} ${evalue}`.trim();
  const frame = innermostFrame(error.traceback);
  if (!frame) {
    return trans.__('in cell %1: %2', error.cell_index + 1, what);
  }
  if (frame.file !== null) {
    const name = ownName(
      frame.file,
      captured.map(({ path }) => path)
    );
    return frame.line === null
      ? trans.__('in %1: %2', name, what)
      : trans.__('in %1, line %2: %3', name, frame.line, what);
  }
  const cell =
    frame.executionCount === null
      ? trans.__('cell %1', error.cell_index + 1)
      : trans.__('cell [%1]', frame.executionCount);
  return frame.line === null
    ? trans.__('in %1: %2', cell, what)
    : trans.__('in %1, line %2: %3', cell, frame.line, what);
}
