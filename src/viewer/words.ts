/** Facts of a receipt in words. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Artifact, CapturedFile, CellError } from '../api/types';
import { innermostFrame, outermostCell, ownName } from './traceback';

/**
 * The files that the notebook made: all but the executed notebook itself.
 *
 * @param artifacts - As the server lists them, the executed notebook first.
 */
export function madeByNotebook(artifacts: readonly Artifact[]): Artifact[] {
  const isNotebook = artifacts[0]?.media_type === 'application/x-ipynb+json';
  return artifacts.slice(isNotebook ? 1 : 0);
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

/** Gets the 0-based position of a cell by its `[n]`; null when unknown. */
export type CellFinder = (executionCount: number | null) => number | null;

/**
 * An error in one line, with the user's own line of code.
 *
 * @param error - The error.
 * @param captured - The captured files, to name them as their owner does.
 * @param trans - The words.
 * @param cellOf - Finds the cell of a function that raised it.
 * @returns Such as "in features.py, line 12: KeyError 'label'".
 */
export function errorLine(
  error: CellError,
  captured: readonly CapturedFile[],
  trans: TranslationBundle,
  cellOf: CellFinder = () => null
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
  const own = outermostCell(error.traceback);
  const isOwn = own?.executionCount === frame.executionCount;
  const other = isOwn ? null : cellOf(frame.executionCount);
  const cell = (other ?? error.cell_index) + 1;
  // Where the cell of a function is not known, the line that called it is.
  const line = isOwn || other !== null ? frame.line : (own?.line ?? null);
  return line === null
    ? trans.__('in cell %1: %2', cell, what)
    : trans.__('in cell %1, line %2: %3', cell, line, what);
}

/**
 * The number that stands beside the cell that failed, for a tooltip.
 *
 * @param error - The error.
 * @param trans - The words.
 * @returns Nothing when the traceback does not tell.
 */
export function promptLabel(
  error: CellError,
  trans: TranslationBundle
): string | undefined {
  const count = outermostCell(error.traceback)?.executionCount ?? null;
  return count === null
    ? undefined
    : trans.__('Cell %1 of the notebook, [%2]', error.cell_index + 1, count);
}
