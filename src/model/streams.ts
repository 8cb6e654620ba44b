/** What a notebook wrote, so that a page can draw it again and again. */
import type { IOutput } from '@jupyterlab/nbformat';
import type { IOutputAreaModel } from '@jupyterlab/outputarea';
import type { PartialJSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

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

/**
 * Bring the outputs of a cell up to date.
 *
 * @param outputs - The outputs on the screen.
 * @param next - The same outputs, later.
 *
 * #### Notes
 * Nearly always something was added at the end: a new output, or text to the
 * last stream.
 */
export function patchOutputs(
  outputs: IOutputAreaModel,
  next: readonly IOutput[]
): void {
  const shown = outputs.toJSON().map(joined);
  const wanted = next.map(joined);
  if (wanted.length < shown.length) {
    outputs.fromJSON([...next]);
    return;
  }
  wanted.forEach((output, index) => {
    if (index >= shown.length) {
      outputs.add(next[index]);
    } else if (!JSONExt.deepEqual(output, shown[index])) {
      outputs.set(index, next[index]);
    }
  });
}

/** nbformat lets text be one string or a list of lines; make it comparable. */
function joined(output: IOutput): PartialJSONObject {
  const copy: PartialJSONObject = { ...(output as PartialJSONObject) };
  if (Array.isArray(copy.text)) {
    copy.text = copy.text.join('');
  }
  if (typeof copy.data === 'object' && copy.data !== null) {
    copy.data = Object.fromEntries(
      Object.entries(copy.data).map(([type, value]) => [
        type,
        Array.isArray(value) && !/json$/.test(type) ? value.join('') : value
      ])
    );
  }
  return copy;
}
