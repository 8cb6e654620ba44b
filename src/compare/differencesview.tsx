/**
 * What differs besides parameters and metrics: code, commit, packages, files.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type {
  CellDifference,
  ComparedRow,
  ComparedValues,
  Comparison
} from '../api/types';
import { DiffLines } from '../diffs/difflines';
import { plainLabel } from './columns';
import { rangesOf } from './sets';

/** A value as it is shown; of an object's id the beginning. */
const LONGEST_VALUE = 60;

/**
 * All that differs.
 *
 * @param props - the comparison.
 */
export function DifferencesView(props: {
  comparison: Comparison;
  trans: TranslationBundle;
}): JSX.Element {
  const { comparison, trans } = props;
  const { differs, executions } = comparison;
  const { code, environment, files } = differs;
  if (code.length + environment.length + files.length === 0) {
    return (
      <p className="jp-Compare-note">
        {trans.__(
          'Code, commit, files and packages are the same in all of them, as far as they are known.'
        )}
      </p>
    );
  }
  return (
    <div className="jp-Compare-differences">
      {code.length > 0 && (
        <section aria-label={trans.__('Code')}>
          <h3>{trans.__('Code')}</h3>
          <p className="jp-Compare-note">
            {trans.__('Compared with %1.', numbersLabel(code[0].numbers))}
          </p>
          {code.slice(1).map(variant => (
            <Variant key={variant.numbers[0]} variant={variant} trans={trans} />
          ))}
        </section>
      )}
      {environment.length > 0 && (
        <section aria-label={trans.__('Commit, packages and machine')}>
          <h3>{trans.__('Commit, packages and machine')}</h3>
          <Values facts={environment} rows={executions} trans={trans} />
        </section>
      )}
      {files.length > 0 && (
        <section aria-label={trans.__('Captured files')}>
          <h3>{trans.__('Captured files')}</h3>
          <Values facts={files} rows={executions} trans={trans} isId />
        </section>
      )}
    </div>
  );
}

function Variant(props: {
  variant: Comparison['differs']['code'][number];
  trans: TranslationBundle;
}): JSX.Element {
  const { trans, variant } = props;
  return (
    <article className="jp-Compare-variant">
      <h4>{numbersLabel(variant.numbers)}</h4>
      {variant.cells === null && (
        <p className="jp-Compare-note">
          {trans.__('Too many different sources: compare fewer executions.')}
        </p>
      )}
      {variant.cells?.length === 0 && (
        <p className="jp-Compare-note">
          {trans.__('The same cells; something else of the notebook differs.')}
        </p>
      )}
      {variant.cells?.map((cell, index) => (
        <CellChange key={index} cell={cell} trans={trans} />
      ))}
    </article>
  );
}

function CellChange(props: {
  cell: CellDifference;
  trans: TranslationBundle;
}): JSX.Element {
  const { cell, trans } = props;
  return (
    <figure className="jp-Compare-change">
      <figcaption>{changeLabel(cell, trans)}</figcaption>
      {cell.lines.length > 0 && <DiffLines lines={placed(cell.lines)} />}
    </figure>
  );
}

function Values(props: {
  facts: readonly ComparedValues[];
  rows: readonly ComparedRow[];
  isId?: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { facts, isId = false, rows, trans } = props;
  return (
    <table className="jp-Compare-facts">
      <thead>
        <tr>
          <th scope="col">{trans.__('Name')}</th>
          <th scope="col">{trans.__('Value')}</th>
          <th scope="col">{trans.__('Executions')}</th>
        </tr>
      </thead>
      <tbody>
        {facts.map(({ name, values }) =>
          groupsOf(values, rows).map(({ numbers, value }, index, groups) => (
            <tr key={`${name} ${index}`}>
              {index === 0 && (
                <th scope="row" rowSpan={groups.length}>
                  {name}
                </th>
              )}
              <td>
                {value === null
                  ? trans.__('not there')
                  : isId
                    ? plainLabel(value).slice(0, 8)
                    : shortened(plainLabel(value))}
              </td>
              <td>{numbersLabel(numbers)}</td>
            </tr>
          ))
        )}
      </tbody>
    </table>
  );
}

/** Which executions have which value, in the order of the executions. */
function groupsOf(
  values: readonly unknown[],
  rows: readonly ComparedRow[]
): { value: unknown; numbers: number[] }[] {
  const groups = new Map<string, { value: unknown; numbers: number[] }>();
  values.forEach((value, index) => {
    const key = JSON.stringify(value);
    const group = groups.get(key) ?? { value, numbers: [] };
    group.numbers.push(rows[index].number);
    groups.set(key, group);
  });
  return [...groups.values()];
}

/**
 * Numbers as people read them: `#3, #7–#12`.
 *
 * @param numbers - in any order.
 */
export function numbersLabel(numbers: readonly number[]): string {
  return rangesOf(numbers)
    .split(',')
    .map(range => {
      const [first, end] = range.split('-');
      return first === end ? `#${first}` : `#${first}–#${end}`;
    })
    .join(', ');
}

function changeLabel(cell: CellDifference, trans: TranslationBundle): string {
  const { after, before } = cell;
  const position = (after ?? before ?? 0) + 1;
  switch (cell.change) {
    case 'added':
      return trans.__('Cell %1 is new', position);
    case 'removed':
      return trans.__('Cell %1 is gone', position);
    case 'changed':
      return trans.__('Cell %1', position);
  }
}

/** Where lines are left out between, that is shown; their numbers say nothing here. */
function placed(lines: readonly string[]): string[] {
  return lines
    .map(line => (line.startsWith('@@') ? '⋯' : line))
    .filter((line, index) => index > 0 || line !== '⋯');
}

function shortened(text: string): string {
  return text.length > LONGEST_VALUE
    ? `${text.slice(0, LONGEST_VALUE)}…`
    : text;
}
