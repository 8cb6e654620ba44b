/**
 * Which executions a comparison is about.
 */
import type { ICompareQuery } from '../api/client';

/** All executions of a sweep, or some by number. */
export type CompareSet =
  { readonly sweep: string } | { readonly numbers: readonly number[] };

/** More are not compared at once; the server refuses them. */
export const MOST_COMPARED = 1000;

/**
 * What the server is asked for.
 *
 * #### Notes
 * Numbers are asked for as ranges: of those the server leaves out what is gone.
 *
 * @param set - the executions.
 */
export function queryOf(set: CompareSet): ICompareQuery {
  return 'sweep' in set ? { sweep: set.sweep } : { ids: rangesOf(set.numbers) };
}

/**
 * Numbers as the server reads them: `3-3,7-12`.
 *
 * @param numbers - in any order.
 */
export function rangesOf(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const number of sorted) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && number === last[1] + 1) {
      last[1] = number;
    } else {
      ranges.push([number, number]);
    }
  }
  return ranges.map(([first, end]) => `${first}-${end}`).join(',');
}

/**
 * What is the same for equal sets and for no others.
 *
 * @param set - the executions.
 */
export function keyOf(set: CompareSet): string {
  return 'sweep' in set ? `sweep-${set.sweep}` : rangesOf(set.numbers);
}

/**
 * Read a set from what a command was given; `null` for what is none.
 *
 * @param args - `{ sweep }` or `{ ids }`, the latter numbers.
 */
export function setFromArgs(args: {
  readonly [name: string]: unknown;
}): CompareSet | null {
  if (typeof args['sweep'] === 'string' && args['sweep'] !== '') {
    return { sweep: args['sweep'] };
  }
  const ids = Array.isArray(args['ids']) ? (args['ids'] as unknown[]) : [];
  const numbers = ids.map(Number).filter(id => Number.isInteger(id) && id > 0);
  return numbers.length > 0 ? { numbers } : null;
}
