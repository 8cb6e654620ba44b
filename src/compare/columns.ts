/**
 * The table as values: columns, cells, order.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ComparedRow, Comparison, MetricValue } from '../api/types';
import { metricLabel, metricNumber } from '../model/goals';
import { clockLabel, isFinal, statusLabel, tookLabel } from '../model/labels';

/** What a column holds. */
export type ColumnKind =
  'number' | 'status' | 'title' | 'parameter' | 'metric' | 'duration';

/** A column of the table. */
export interface ICompareColumn {
  /** Unique; stays the same when other executions come in. */
  readonly id: string;

  readonly kind: ColumnKind;

  /** The name of the parameter or metric, or a word. */
  readonly label: string;

  /** Whether not all executions have the same value. */
  readonly differs: boolean;
}

/** Significant digits of parameters. */
const DIGITS = 6;

/** By which column, and which end first. */
export interface IOrder {
  readonly column: string;
  readonly isDescending: boolean;
}

/**
 * All columns of a comparison, from left to right.
 *
 * @param comparison - as the server tells it.
 * @param trans - the words.
 */
export function columnsOf(
  comparison: Comparison,
  trans: TranslationBundle
): ICompareColumn[] {
  const { differs, executions } = comparison;
  const own = (
    kind: 'number' | 'status' | 'title' | 'duration',
    label: string
  ): ICompareColumn => ({ id: kind, kind, label, differs: true });
  const named = (
    kind: 'parameter' | 'metric',
    values: readonly object[]
  ): ICompareColumn[] => {
    const differing = new Set(
      kind === 'metric' ? differs.metrics : differs.parameters
    );
    return namesOf(values).map(label => ({
      id: `${kind}:${label}`,
      kind,
      label,
      differs: differing.has(label)
    }));
  };
  return [
    own('number', trans.__('Number')),
    own('status', trans.__('Status')),
    // Automatic titles say what the parameters say.
    {
      ...own('title', trans.__('Title')),
      differs: differs.parameters.length === 0
    },
    ...named('parameter', executions.map(parametersOf)),
    ...named(
      'metric',
      executions.map(({ metrics }) => metrics)
    ),
    own('duration', trans.__('Duration'))
  ];
}

/**
 * The parameters an execution ran with, those of the notebook counted.
 *
 * @param row - an execution.
 */
export function parametersOf(row: ComparedRow): Record<string, unknown> {
  return { ...row.defaults, ...row.parameters };
}

/**
 * What is in a cell; `undefined` for nothing.
 *
 * @param row - the execution.
 * @param column - the column.
 * @param now - milliseconds on the server's clock, for what still runs.
 */
export function valueOf(
  row: ComparedRow,
  column: Pick<ICompareColumn, 'kind' | 'label'>,
  now: number
): unknown {
  switch (column.kind) {
    case 'number':
      return row.number;
    case 'status':
      return row.status;
    case 'title':
      return row.title;
    case 'parameter':
      return parametersOf(row)[column.label];
    case 'metric':
      return row.metrics[column.label];
    case 'duration':
      return secondsOf(row, now) ?? undefined;
  }
}

/**
 * A cell in words.
 *
 * @param row - the execution.
 * @param column - the column.
 * @param now - milliseconds on the server's clock.
 * @param trans - the words.
 */
export function labelOf(
  row: ComparedRow,
  column: Pick<ICompareColumn, 'kind' | 'label'>,
  now: number,
  trans: TranslationBundle
): string {
  const value = valueOf(row, column, now);
  if (value === undefined) {
    return '';
  }
  switch (column.kind) {
    case 'number':
      return `#${row.number}`;
    case 'status':
      return statusLabel(row.status, trans);
    case 'metric':
      return metricLabel(value as MetricValue);
    case 'duration':
      return isFinal(row.status)
        ? tookLabel(value as number)
        : clockLabel(value as number);
    case 'parameter':
      // All digits of 0.1 + 0.2 help nobody; the file has them.
      return typeof value === 'number' && !Number.isInteger(value)
        ? String(Number(value.toPrecision(DIGITS)))
        : plainLabel(value);
    case 'title':
      return plainLabel(value);
  }
}

/**
 * A JSON value as people read it: a text without quotes.
 *
 * @param value - any JSON value.
 */
export function plainLabel(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Rows in an order; equal ones stay by number, and what is missing comes last.
 *
 * @param rows - the executions.
 * @param column - by which column.
 * @param isDescending - whether the largest comes first.
 * @param now - milliseconds on the server's clock.
 */
export function sortRows(
  rows: readonly ComparedRow[],
  column: ICompareColumn,
  isDescending: boolean,
  now: number
): ComparedRow[] {
  const sign = isDescending ? -1 : 1;
  return rows
    .map(row => ({ row, value: sortable(valueOf(row, column, now), column) }))
    .sort(
      (a, b) =>
        Number(a.value === null) - Number(b.value === null) ||
        sign * compare(a.value, b.value) ||
        a.row.number - b.row.number
    )
    .map(({ row }) => row);
}

/** Numbers come before texts, and neither is compared with the other. */
function compare(a: number | string | null, b: number | string | null): number {
  if (typeof a === 'number' && typeof b === 'number') {
    return a < b ? -1 : Number(a > b);
  }
  if (typeof a === 'string' && typeof b === 'string') {
    return a.localeCompare(b, undefined, { numeric: true });
  }
  return typeof a === typeof b ? 0 : typeof a === 'number' ? -1 : 1;
}

function sortable(
  value: unknown,
  { kind }: ICompareColumn
): number | string | null {
  if (kind === 'metric') {
    const number = metricNumber(value);
    return isNaN(number) ? null : number;
  }
  if (value === undefined || value === null) {
    return null;
  }
  return typeof value === 'number' ? value : plainLabel(value);
}

function secondsOf(row: ComparedRow, now: number): number | null {
  if (row.duration_s !== null || row.started_at === null) {
    return row.duration_s;
  }
  return Math.max(0, (now - Date.parse(row.started_at)) / 1000);
}

function namesOf(values: readonly object[]): string[] {
  return [...new Set(values.flatMap(value => Object.keys(value)))];
}
