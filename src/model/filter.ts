/**
 * What a filter means, to the server and here.
 */
import type { IListQuery } from '../api/client';
import type { Execution } from '../api/types';
import type { IExecutionsFilter } from '../tokens';

/** Lets everything through. */
export const NO_FILTER: IExecutionsFilter = {
  notebook: null,
  statuses: [],
  q: ''
};

/**
 * The query that asks the server for what a filter lets through.
 *
 * @param filter - what to list.
 */
export function toQuery(filter: IExecutionsFilter): IListQuery {
  return {
    grouped: isGrouped(filter) || undefined,
    notebook: filter.notebook ?? undefined,
    status: filter.statuses.join(',') || undefined,
    q: filter.q.trim() || undefined
  };
}

/**
 * Whether a sweep is one row: who searches, looks for executions.
 *
 * @param filter - what to list.
 */
export function isGrouped(filter: IExecutionsFilter): boolean {
  return filter.statuses.length === 0 && filter.q.trim() === '';
}

/**
 * Whether two filters mean the same.
 *
 * @param a - one filter.
 * @param b - the other.
 */
export function sameFilter(
  a: IExecutionsFilter,
  b: IExecutionsFilter
): boolean {
  return JSON.stringify(toQuery(a)) === JSON.stringify(toQuery(b));
}

/**
 * Whether a filter lets an execution through; its text is not looked at.
 *
 * @param filter - the filter.
 * @param execution - the execution.
 */
export function matches(
  filter: IExecutionsFilter,
  execution: Execution
): boolean {
  return (
    (filter.notebook === null || filter.notebook === execution.notebook_path) &&
    (filter.statuses.length === 0 || filter.statuses.includes(execution.status))
  );
}
