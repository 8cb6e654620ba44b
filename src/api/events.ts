/**
 * The one event schema this package listens to on the server's event bus.
 */
import type { Event } from '@jupyterlab/services';

import type { Status } from './types';

/** Names the schema of our events among all that pass on the bus. */
export const EXECUTION_SCHEMA_ID =
  'https://schema.jupyter.org/jupyter_async_exec/execution/v1';

/** A small fact about one execution: where it stands now. */
export interface IExecutionEvent {
  /** The execution's full id. */
  readonly id: string;

  /** The number people see. */
  readonly number: number;

  /** Where it stands. */
  readonly status: Status;

  /** How far it is. */
  readonly progress: {
    readonly cells_done: number;
    readonly cells_total: number | null;
    readonly current_cell: number | null;
  };

  /** The sweep it belongs to. */
  readonly sweep: string | null;

  /** Whether it is in the trash. */
  readonly deleted: boolean;

  /** Counts the events of one server process, without gaps. */
  readonly rev: number;

  /** Names the server process. */
  readonly boot_id: string;
}

/**
 * Whether an emission of the bus is one of ours.
 *
 * @param emission - anything that came over the bus.
 */
export function isExecutionEvent(
  emission: unknown
): emission is Event.Emission & IExecutionEvent {
  if (typeof emission !== 'object' || emission === null) {
    return false;
  }
  const event = emission as Partial<IExecutionEvent> & { schema_id?: unknown };
  return (
    event.schema_id === EXECUTION_SCHEMA_ID &&
    typeof event.id === 'string' &&
    typeof event.status === 'string' &&
    typeof event.rev === 'number' &&
    typeof event.boot_id === 'string'
  );
}
