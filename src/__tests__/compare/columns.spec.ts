import { nullTranslator } from '@jupyterlab/translation';

import type { ComparedRow, Comparison } from '../../api/types';
import type { ICompareColumn } from '../../compare/columns';
import { columnsOf, labelOf, sortRows, valueOf } from '../../compare/columns';
import { toCsv } from '../../compare/csv';
import { keyOf, queryOf, setFromArgs } from '../../compare/sets';
import { makeComparison, makeRow } from './fakes';

const trans = nullTranslator.load('');

function column(comparison: Comparison, id: string): ICompareColumn {
  return columnsOf(comparison, trans).find(each => each.id === id)!;
}

function order(
  rows: ComparedRow[],
  id: string,
  isDescending = false
): number[] {
  const by = column(makeComparison(rows), id);
  return sortRows(rows, by, isDescending, 0).map(({ number }) => number);
}

describe('columnsOf', () => {
  it('has a column for each parameter and metric, and says which differ', () => {
    const comparison = makeComparison([
      makeRow(1, { parameters: { lr: 0.1 }, metrics: { acc: 0.5 } }),
      makeRow(2, { defaults: { lr: 0.1, seed: 1 }, metrics: { acc: 0.6 } })
    ]);
    comparison.differs.metrics = ['acc'];

    const columns = columnsOf(comparison, trans);

    expect(columns.map(({ id, differs }) => [id, differs])).toEqual([
      ['number', true],
      ['status', true],
      ['title', true],
      ['parameter:lr', false],
      ['parameter:seed', false],
      ['metric:acc', true],
      ['duration', true]
    ]);
  });

  it('shows a default where nothing was given', () => {
    const row = makeRow(1, { defaults: { lr: 0.1 } });

    expect(valueOf(row, { kind: 'parameter', label: 'lr' }, 0)).toBe(0.1);
    expect(valueOf(row, { kind: 'parameter', label: 'x' }, 0)).toBeUndefined();
  });

  it('counts up what still runs', () => {
    const row = makeRow(1, {
      duration_s: null,
      started_at: '2026-01-01T10:00:00Z'
    });
    const now = Date.parse('2026-01-01T10:01:05Z');

    expect(
      labelOf(row, { kind: 'duration', label: 'Duration' }, now, trans)
    ).toBe('1:05');
  });
});

describe('sortRows', () => {
  it('compares numbers as numbers and puts what is missing last', () => {
    const values = [0.5, 'NaN', 10, undefined, 9] as const;
    const rows = values.map((acc, index) =>
      makeRow(index + 1, acc === undefined ? {} : { metrics: { acc } })
    );

    expect(order(rows, 'metric:acc')).toEqual([1, 5, 3, 2, 4]);
    expect(order(rows, 'metric:acc', true)).toEqual([3, 5, 1, 2, 4]);
  });

  it('sorts texts as people do, after numbers', () => {
    const rows = ['b10', 'b9', 7, 'a'].map((name, index) =>
      makeRow(index + 1, { parameters: { name } })
    );

    expect(order(rows, 'parameter:name')).toEqual([3, 4, 2, 1]);
  });
});

describe('toCsv', () => {
  it('quotes what needs it', () => {
    expect(toCsv([['a,b', 'say "x"', 'two\nlines', 1.5, null, [1, 2]]])).toBe(
      '"a,b","say ""x""","two\nlines",1.5,,"[1,2]"\r\n'
    );
  });

  it.each(['=1+1', '+SUM(A1)', '@x', '-cmd', '\tx', '=HYPERLINK("x")'])(
    'gives %p no chance to be a formula',
    text => {
      expect(toCsv([[text]]).replace(/^"/, '')).toMatch(/^'/);
    }
  );

  it('leaves negative numbers alone', () => {
    const row = [-1.5, '-3', '1e-5', '-2e+7', '-Infinity'];

    expect(toCsv([row])).toBe('-1.5,-3,1e-5,-2e+7,-Infinity\r\n');
  });
});

describe('sets', () => {
  it('asks for ranges, from which the server leaves out what is gone', () => {
    expect(queryOf({ numbers: [9, 3, 8, 7, 3] })).toEqual({ ids: '3-3,7-9' });
    expect(queryOf({ sweep: 'abc' })).toEqual({ sweep: 'abc' });
  });

  it('is the same for the same executions in any order', () => {
    expect(keyOf({ numbers: [2, 1] })).toBe(keyOf({ numbers: [1, 2] }));
  });

  it('is read from the arguments of a command', () => {
    const numbers = setFromArgs({ ids: ['3', 5, 'x', -1] });

    expect(numbers).toEqual({ numbers: [3, 5] });
    expect(setFromArgs({ sweep: 'abc', ids: [1] })).toEqual({ sweep: 'abc' });
    expect(setFromArgs({ ids: [] })).toBeNull();
  });
});
