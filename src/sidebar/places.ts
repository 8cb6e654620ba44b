/**
 * Which row is which: an execution may stand on its own and below a sweep that took it over.
 */
import type { IListPlace } from '../tokens';

/** One row, wherever it has moved to. */
export interface IRowRef {
  /** The id of its execution, or of its sweep. */
  readonly id: string;

  /** The number of its execution, or the first one of its sweep. */
  readonly number: number;

  /** The id of the sweep below whose row it stands. */
  readonly within: string | null;
}

/**
 * Name the row at a place.
 *
 * @param place - a place of the list.
 * @returns null while nobody knows what is there.
 */
export function rowAt({
  execution,
  number,
  sweep,
  within
}: IListPlace): IRowRef | null {
  const id = sweep?.id ?? execution?.id;
  return id === undefined || number === null ? null : { id, number, within };
}

/**
 * A name for a row that no other row has.
 *
 * @param row - the row.
 */
export function rowKey({ id, within }: Omit<IRowRef, 'number'>): string {
  return within === null ? id : `${within}/${id}`;
}

/**
 * Find the position of the row that an element is in.
 *
 * @param target - the element.
 * @returns null when it is in none.
 */
export function positionOf(target: EventTarget): number | null {
  const row = (target as Element).closest('[data-row]');
  return row === null ? null : Number(row.getAttribute('aria-posinset')) - 1;
}
