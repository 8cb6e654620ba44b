/** What a notebook printed, in a length that a page can draw again and again. */
import type { IOutput } from '@jupyterlab/nbformat';

/** Of one stream; drawn within a frame or two. */
const MOST_CHARACTERS = 50_000;

/**
 * Leave the end of long streams, with a line that says so.
 *
 * @param outputs - The outputs of a cell.
 * @param note - What stands above the rest, for a number of lines that are left out.
 * @returns The same outputs, where no stream is long.
 *
 * #### Notes
 * JupyterLab draws the whole of a stream again for each piece that comes to
 * it: with 50,000 lines the page halts for most of a second.
 */
export function shortenStreams(
  outputs: readonly IOutput[],
  note: (nLines: number) => string
): IOutput[] {
  return outputs.map(output => {
    if (output.output_type !== 'stream') {
      return output;
    }
    const text = Array.isArray(output.text)
      ? output.text.join('')
      : String(output.text ?? '');
    if (text.length <= MOST_CHARACTERS) {
      return output;
    }
    const start = text.indexOf('\n', text.length - MOST_CHARACTERS) + 1;
    const rest = start > 0 ? start : text.length - MOST_CHARACTERS;
    const nLines = text.slice(0, rest).split('\n').length - 1;
    return { ...output, text: `${note(nLines)}\n${text.slice(rest)}` };
  });
}
