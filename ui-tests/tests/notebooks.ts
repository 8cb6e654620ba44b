/** Notebooks for the tests, as text. */
import { readFileSync } from 'fs';
import { join } from 'path';

/** A cell in short: code, or what a kind of cell needs besides. */
export type CellInShort =
  string | { source: string; tags?: string[]; type?: 'code' | 'markdown' };

/**
 * Write a notebook.
 *
 * @param cells - Its cells; a string is a code cell.
 * @param kernel - Its kernel.
 */
export function notebook(cells: CellInShort[], kernel = 'python3'): string {
  return JSON.stringify({
    cells: cells.map((cell, index) => {
      const short = typeof cell === 'string' ? { source: cell } : cell;
      const { source, tags = [], type = 'code' } = short;
      return {
        cell_type: type,
        id: `cell-${index}`,
        metadata: tags.length > 0 ? { tags } : {},
        source,
        ...(type === 'code' ? { execution_count: null, outputs: [] } : {})
      };
    }),
    metadata: {
      kernelspec: {
        display_name: 'Python 3 (ipykernel)',
        language: 'python',
        name: kernel
      },
      language_info: { name: 'python' }
    },
    nbformat: 4,
    nbformat_minor: 5
  });
}

/**
 * Read one of the project's examples.
 *
 * @param name - Its name in `examples`.
 */
export function example(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'examples', name), 'utf8');
}

/**
 * Code that prints a word and then goes on until a file beside the notebook
 * appears, so that a test decides when it ends and nothing depends on a clock.
 *
 * @param word - What is printed at first.
 * @param gate - Path of the file.
 */
export function waitFor(word: string, gate: string): string {
  return [
    'import pathlib, time',
    `print(${JSON.stringify(word)}, flush=True)`,
    `while not pathlib.Path(${JSON.stringify(gate)}).exists():`,
    '    time.sleep(0.05)'
  ].join('\n');
}
