/** Lines of a diff: what was added and removed is told by sign, element and colour. */
import * as React from 'react';

type Kind = 'ins' | 'del' | 'small' | 'span';

/**
 * The lines, those of one kind together.
 *
 * @param props - lines of a unified diff, each with its sign.
 */
export function DiffLines(props: { lines: readonly string[] }): JSX.Element {
  return (
    <pre className="jp-AsyncExecDiff">
      {runsOf(props.lines).map(({ kind: Kind, lines }, index) => (
        <Kind key={index}>{`${lines.join('\n')}\n`}</Kind>
      ))}
    </pre>
  );
}

/** A patch may have thousands of lines; it has far fewer runs of them. */
function runsOf(lines: readonly string[]): { kind: Kind; lines: string[] }[] {
  const runs: { kind: Kind; lines: string[] }[] = [];
  for (const line of lines) {
    const kind = kindOf(line);
    const last = runs[runs.length - 1];
    if (last?.kind === kind) {
      last.lines.push(line);
    } else {
      runs.push({ kind, lines: [line] });
    }
  }
  return runs;
}

function kindOf(line: string): Kind {
  switch (line[0]) {
    case '+':
      return 'ins';
    case '-':
      return 'del';
    // Where it is, that lines are left out, or that the last one has no end.
    case '@':
    case '⋯':
    case '\\':
      return 'small';
    default:
      return 'span';
  }
}
