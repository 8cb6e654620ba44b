/** Find, in a traceback, the line that is the user's own. */
import { stripAnsi } from '../model/executionlog';

/** A place in the user's code. */
export interface IFrame {
  /** Path as the traceback writes it; null for a cell of the notebook. */
  readonly file: string | null;
  /** The `[n]` of the cell; null for files and where the traceback has none. */
  readonly executionCount: number | null;
  /** 1-based line; null when unknown. */
  readonly line: number | null;
}

/**
 * Find the innermost frame that is in the notebook or in the user's files.
 *
 * @param traceback - Pieces of a traceback, as the kernel sent them.
 * @returns The frame; null when there is none to be found.
 *
 * #### Notes
 * Reads what IPython 7 to 9 write in their modes Context, Verbose, Minimal and
 * Plain, Python itself, and rich. An unknown form gives null, never a wrong line.
 */
export function innermostFrame(traceback: readonly string[]): IFrame | null {
  let found: IFrame | null = null;
  let open: IFrame | null = null;
  for (const line of stripAnsi(traceback.join('\n')).split('\n')) {
    const frame = readFrame(line);
    if (frame) {
      open = isUsers(frame) ? frame : null;
      found = open ?? found;
      continue;
    }
    // IPython 7 heads a frame without its line; the arrow below tells it.
    const arrow = /^-+>\s*(\d+)\b/.exec(line);
    if (arrow && open && open.line === null && found === open) {
      open = { ...open, line: Number(arrow[1]) };
      found = open;
    }
  }
  return found;
}

/**
 * Find the frame in the cell that failed, which is the outermost of all.
 *
 * @param traceback - Pieces of a traceback, as the kernel sent them.
 * @returns The frame; null when there is none to be found.
 */
export function outermostCell(traceback: readonly string[]): IFrame | null {
  let found: IFrame | null = null;
  for (const line of stripAnsi(traceback.join('\n')).split('\n')) {
    const frame = readFrame(line);
    if (frame) {
      if (found || frame.file !== null) {
        return found;
      }
      found = frame;
    }
    const arrow = /^-+>\s*(\d+)\b/.exec(line);
    if (arrow && found?.line === null) {
      return { ...found, line: Number(arrow[1]) };
    }
  }
  return found;
}

/**
 * Shorten a path to what its owner calls it.
 *
 * @param file - Path as in the traceback, somewhere in a working directory.
 * @param captured - Paths of the captured files.
 * @returns The captured path that `file` ends in, else its last part.
 */
export function ownName(file: string, captured: readonly string[]): string {
  const path = file.replace(/\\/g, '/');
  const fits = captured.filter(
    name => path === name || path.endsWith(`/${name}`)
  );
  fits.sort((a, b) => b.length - a.length);
  return fits[0] ?? path.split('/').pop() ?? path;
}

const CELL = /^\s*(?:Cell In|Input In|In)\s*\[(\d+)\](?:,\s*line (\d+))?/;
const CELL_FILE = /ipykernel_\d+[\\/]\d+\.py$|^<ipython-input-(\d+)-/;

function readFrame(line: string): IFrame | null {
  const cell = CELL.exec(line);
  if (cell) {
    return frame(null, cell[1], cell[2]);
  }
  const rich = /^│\s(?:❱\s)?(.+?):(\d+)(?:\sin\s.+?)?\s*│?$/.exec(line);
  if (rich) {
    if (/^in <(?:module|cell line: \d+)>$/.test(rich[1])) {
      return frame(null, undefined, rich[2]);
    }
    return /^\S*[\\/]\S*$/.test(rich[1]) ? placed(rich[1], rich[2]) : null;
  }
  const match =
    // Python and IPython's Plain: File "features.py", line 12, in load
    /^\s*File "(.+?)", line (\d+)/.exec(line) ??
    // IPython 8 and 9: File ~/features.py:12, in load(df)
    /^\s*File (.+?):(\d+)(?:,|$|\s)/.exec(line) ??
    // IPython 7: ~/features.py in load(df)
    /^((?:~|\/|[A-Za-z]:\\|<ipython-input)\S*) in \S/.exec(line);
  return match ? placed(match[1], match[2]) : null;
}

function placed(file: string, line: string | undefined): IFrame {
  const cell = CELL_FILE.exec(file);
  return cell ? frame(null, cell[1], line) : frame(file, undefined, line);
}

function frame(
  file: string | null,
  count: string | undefined,
  line: string | undefined
): IFrame {
  return {
    file,
    executionCount: count === undefined ? null : Number(count),
    line: line === undefined ? null : Number(line)
  };
}

/** Not the standard library, not an installed package, not code without a file. */
function isUsers({ file }: IFrame): boolean {
  return (
    file === null ||
    !/(?:^|[\\/])(?:site-packages|dist-packages|lib[\\/]python\d[\d.]*|Lib)[\\/]|^<|\.zip[\\/]/.test(
      file
    )
  );
}
