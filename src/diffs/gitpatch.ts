/** A patch as `git diff` writes it, taken apart into its files. */

/** What a patch does to one file. */
export interface IFilePatch {
  /** As the patch names it. */
  readonly path: string;
  /** Whether the file is new, gone, or another. */
  readonly change: 'added' | 'removed' | 'changed';
  /** Whether its lines could be compared. */
  readonly isText: boolean;
  /** What differs, from the first `@@` on; none where no line does. */
  readonly lines: readonly string[];
}

const BEGINNING = 'diff --git ';

/**
 * Take a patch apart.
 *
 * @param patch - without renames, so that both names of a file are the same.
 * @returns The files, in the order of the patch.
 */
export function filesOf(patch: string): IFilePatch[] {
  // Within a file each line begins with a sign of its own.
  return patch
    .split(/^(?=diff --git )/m)
    .filter(part => part.startsWith(BEGINNING))
    .map(part => fileOf(part.replace(/\n$/, '').split('\n')));
}

function fileOf(lines: readonly string[]): IFilePatch {
  const start = lines.findIndex(line => line.startsWith('@@ '));
  const head = start === -1 ? lines : lines.slice(0, start);
  const says = (words: string): boolean =>
    head.some(line => line.startsWith(words));
  return {
    path: pathOf(lines[0]),
    change: says('new file mode ')
      ? 'added'
      : says('deleted file mode ')
        ? 'removed'
        : 'changed',
    isText: !says('Binary files '),
    lines: start === -1 ? [] : lines.slice(start)
  };
}

/** Of `diff --git a/x b/x` the x, also where it has spaces or is quoted. */
function pathOf(first: string): string {
  const names = first.slice(BEGINNING.length);
  const second = names.slice((names.length + 1) / 2);
  return second.startsWith('"') ? second.slice(3, -1) : second.slice(2);
}
