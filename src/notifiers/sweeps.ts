/**
 * Notices when the last execution of a sweep has ended.
 */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { Execution, Sweep } from '../api/types';

/** What ends within so many milliseconds is asked about once. */
const ASK_MS = 2000;

/** Turns ends of executions into ends of sweeps. */
export class SweepWatch implements IDisposable {
  /**
   * @param client - the REST calls.
   */
  constructor(client: Pick<IExecutionsClient, 'getSweep' | 'list'>) {
    this._client = client;
  }

  /** Emitted once all executions of a sweep are over. */
  get over(): ISignal<this, Sweep> {
    return this._over;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  /**
   * Note that an execution of a sweep has ended.
   *
   * @param execution - it.
   */
  hear(execution: Execution): void {
    if (execution.sweep_id !== null) {
      this._ended.add(execution.sweep_id);
      if (this._timer === 0) {
        this._timer = window.setTimeout(() => void this._ask(), ASK_MS);
      }
    }
  }

  private async _ask(): Promise<void> {
    this._timer = 0;
    const ids = [...this._ended];
    this._ended.clear();
    for (const id of ids) {
      // One that is still going on is asked about when its next execution ends.
      const sweep = await this._findOver(id);
      if (sweep !== null && !this._isDisposed) {
        this._over.emit(sweep);
      }
    }
  }

  private async _findOver(id: string): Promise<Sweep | null> {
    try {
      const status = 'queued,running';
      const alive = await this._client.list({ sweep: id, status, limit: 1 });
      return alive.executions.length > 0
        ? null
        : await this._client.getSweep(id);
    } catch {
      // The list shows how it ended, whatever keeps the server from answering.
      return null;
    }
  }

  private _client: Pick<IExecutionsClient, 'getSweep' | 'list'>;
  private _ended = new Set<string>();
  private _isDisposed = false;
  private _over = new Signal<this, Sweep>(this);
  private _timer = 0;
}
