/**
 * Notices when the last execution of a sweep has ended, and when one goes on although something failed.
 */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { SweepSummary } from '../api/types';
import type { ISweeps } from '../tokens';

/** A sweep that ends so soon after a failure is told of once. */
const GOES_ON_MS = 5000;

/** Turns where sweeps stand into what is worth telling. */
export class SweepWatch implements IDisposable {
  /**
   * @param sweeps - where sweeps stand.
   */
  constructor(sweeps: Pick<ISweeps, 'changed' | 'find' | 'over'>) {
    this._sweeps = sweeps;
    sweeps.changed.connect(this._onChanged, this);
    sweeps.over.connect(this._onOver, this);
  }

  /** Emitted once all executions of a sweep are over. */
  get over(): ISignal<this, SweepSummary> {
    return this._over;
  }

  /** Emitted every few seconds while a sweep goes on in which something failed. */
  get goesOn(): ISignal<this, SweepSummary> {
    return this._goesOn;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Whether a sweep is over by now.
   *
   * @param id - its id.
   */
  isOver(id: string): boolean {
    return (this._sweeps.find(id)?.finished_at ?? null) !== null;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private _onChanged(_: unknown, sweep: SweepSummary): void {
    if (sweep.counts.failed > 0 && sweep.finished_at === null) {
      this._failing.add(sweep.id);
      if (this._timer === 0) {
        this._timer = window.setTimeout(() => this._tell(), GOES_ON_MS);
      }
    }
  }

  private _onOver(_: unknown, sweep: SweepSummary): void {
    this._failing.delete(sweep.id);
    this._over.emit(sweep);
  }

  private _tell(): void {
    this._timer = 0;
    for (const id of this._failing) {
      const sweep = this._sweeps.find(id);
      if (sweep === undefined || sweep.finished_at !== null) {
        this._failing.delete(id);
      } else {
        this._goesOn.emit(sweep);
      }
    }
    if (this._failing.size > 0) {
      this._timer = window.setTimeout(() => this._tell(), GOES_ON_MS);
    }
  }

  private _failing = new Set<string>();
  private _goesOn = new Signal<this, SweepSummary>(this);
  private _isDisposed = false;
  private _over = new Signal<this, SweepSummary>(this);
  private _sweeps: Pick<ISweeps, 'changed' | 'find' | 'over'>;
  private _timer = 0;
}
