/**
 * What is known of executions, whatever the order in which news arrives.
 */
import type { IExecutionEvent } from '../api/events';
import type { Execution, ExecutionKey } from '../api/types';
import { isFinal } from './labels';

/** So many records are kept: far more than show, far less than memory. */
const MAX_KNOWN = 3000;

/** Remembers executions by id and number; final states never change. */
export class Catalogue {
  /** The ids, by number, of those that were seen alive and are not over yet. */
  get live(): [number, string][] {
    return [...this._live].map(([id, number]) => [number, id]);
  }

  /** Whether any known execution waits in the queue. */
  get hasQueued(): boolean {
    return [...this._live.keys()].some(
      id => this._known.get(id)?.status === 'queued'
    );
  }

  /** All known executions, newest first. */
  get all(): Execution[] {
    return [...this._known.values()].sort((a, b) => b.number - a.number);
  }

  /**
   * The execution, if it is known.
   *
   * @param key - id or number.
   */
  find(key: ExecutionKey): Execution | undefined {
    const text = String(key);
    return this._known.get(this._ids.get(text) ?? text);
  }

  /**
   * Whether an execution was seen alive and is not known to be over.
   *
   * @param id - the full id.
   */
  isLive(id: string): boolean {
    return this._live.has(id);
  }

  /** Forget what is over and was not heard of for longest. */
  trim(): void {
    for (const [id, execution] of this._known) {
      if (this._known.size <= MAX_KNOWN) {
        return;
      }
      if (!this._live.has(id)) {
        this._known.delete(id);
        this._ids.delete(String(execution.number));
      }
    }
  }

  /**
   * Note a full record.
   *
   * @param fresh - what the server answered.
   * @returns What is known now, and whether this is the news of its end.
   *
   * #### Notes
   * An answer may be older than an event that overtook it. Hence nothing goes
   * back from final, and the progress of one attempt never shrinks.
   */
  learn(fresh: Execution): { execution: Execution; ended: boolean } {
    const old = this._known.get(fresh.id);
    if (old !== undefined && isFinal(old.status) && !isFinal(fresh.status)) {
      return { execution: old, ended: false };
    }
    const execution =
      old !== undefined && isOlderProgress(fresh, old)
        ? {
            ...fresh,
            cells_done: old.cells_done,
            cells_total: old.cells_total,
            current_cell: old.current_cell
          }
        : fresh;
    // The newest news goes to the end.
    this._known.delete(execution.id);
    this._known.set(execution.id, execution);
    this._ids.set(String(execution.number), execution.id);
    this._noteDuration(execution);
    if (!isFinal(execution.status)) {
      this._live.set(execution.id, execution.number);
      return { execution, ended: false };
    }
    return { execution, ended: this._live.delete(execution.id) };
  }

  /**
   * Note an event.
   *
   * @param event - news of one execution.
   * @returns What is known now (nothing for strangers), and whether the full
   *   record has to be fetched.
   */
  hear(event: IExecutionEvent): { execution?: Execution; stale: boolean } {
    const old = this._known.get(event.id);
    if (!isFinal(event.status)) {
      if (old !== undefined && isFinal(old.status)) {
        return { execution: old, stale: false };
      }
      this._live.set(event.id, event.number);
    }
    if (old === undefined) {
      return { stale: true };
    }
    const execution = {
      ...old,
      status: event.status,
      cells_done: event.progress.cells_done,
      cells_total: event.progress.cells_total,
      current_cell: event.progress.current_cell
    };
    this._known.set(event.id, execution);
    const progressed =
      execution.cells_done !== old.cells_done ||
      execution.cells_total !== old.cells_total ||
      execution.current_cell !== old.current_cell;
    // No visible difference means that something else was changed: its title,
    // its star, the wish to cancel. Events do not carry those, nor when it
    // started, which is later than when it got its slot.
    const stale =
      event.status !== old.status ||
      isFinal(event.status) ||
      !progressed ||
      old.started_at === null;
    return { execution, stale };
  }

  /**
   * Forget an execution.
   *
   * @param id - the full id.
   */
  forget(id: string): Execution | undefined {
    const old = this._known.get(id);
    this._known.delete(id);
    this._live.delete(id);
    if (old !== undefined) {
      this._ids.delete(String(old.number));
    }
    return old;
  }

  /**
   * Seconds that the newest succeeded execution of a notebook took.
   *
   * @param path - path of the notebook.
   */
  usualDuration(path: string): number | null {
    return this._durations.get(path)?.seconds ?? null;
  }

  private _noteDuration(execution: Execution): void {
    const { status, started_at, finished_at, notebook_path, number } =
      execution;
    if (
      status !== 'succeeded' ||
      started_at === null ||
      finished_at === null ||
      number < (this._durations.get(notebook_path)?.number ?? 0)
    ) {
      return;
    }
    const seconds = (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
    this._durations.set(notebook_path, { number, seconds });
  }

  private _known = new Map<string, Execution>();
  private _ids = new Map<string, string>();
  private _live = new Map<string, number>();
  private _durations = new Map<string, { number: number; seconds: number }>();
}

function isOlderProgress(fresh: Execution, old: Execution): boolean {
  return (
    fresh.status === 'running' &&
    old.status === 'running' &&
    fresh.attempt === old.attempt &&
    fresh.cells_done < old.cells_done
  );
}
