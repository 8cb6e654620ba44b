/**
 * The curves of the executions that are drawn, fetched while somebody looks.
 */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Curve } from '../api/types';
import { Coalescer } from '../model/coalescer';
import type { IExecutionsModel } from '../tokens';
import type { CompareModel } from './comparemodel';
import { rangesOf } from './sets';

/** More lines are not told from each other. */
export const MOST_CURVES = 50;

/** Points in all, shared among the curves. */
const MOST_POINTS = 10_000;

/** Points of each, at most and at least. */
const LONGEST = 400;
const SHORTEST = 40;

/** While executions run, they are fetched at most this often. */
const GATHER_MS = 1000;

/** The curves of one metric. */
export class CurvesModel implements IDisposable {
  /**
   * Create it; nothing is fetched before a metric is chosen.
   *
   * @param _model - whose curves.
   * @param _executions - asks the server.
   */
  constructor(
    private _model: CompareModel,
    private _executions: IExecutionsModel
  ) {
    _model.changed.connect(this._onChanged, this);
  }

  /** The metric; null for none. */
  get metric(): string | null {
    return this._metric;
  }
  set metric(metric: string | null) {
    if (metric !== this._metric) {
      this._metric = metric;
      this._onChanged();
    }
  }

  /** The metric of the curves that came last: for a moment the one before. */
  get drawn(): string | null {
    return this._drawn;
  }

  /** Why they did not come; null when they did. */
  get error(): Error | null {
    return this._error;
  }

  /** As they came last. */
  get curves(): readonly Curve[] {
    return this._curves;
  }

  /** Whether not all executions are drawn. */
  get isPart(): boolean {
    return this._isPart;
  }

  /** Emitted when there are others. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the model is gone. */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    this._isDisposed = true;
    this._model.changed.disconnect(this._onChanged, this);
    Signal.clearData(this);
  }

  /** Those that are selected, or else the best, or else the newest. */
  private _wanted(): number[] {
    const { ranked, rows, selected } = this._model;
    const newest = [...rows].sort((a, b) => b.number - a.number);
    const first = selected.length > 0 ? selected : [...ranked, ...newest];
    const numbers = [...new Set(first.map(({ number }) => number))];
    const all = selected.length > 0 ? selected.length : rows.length;
    this._isPart = all > MOST_CURVES;
    return numbers.slice(0, MOST_CURVES);
  }

  private _onChanged(): void {
    const wanted = this._wanted();
    // What is over has the same curve for ever.
    const key = JSON.stringify([
      this._metric,
      rangesOf(wanted),
      this._model.rows.map(({ metrics, status }) => [metrics, status])
    ]);
    if (key !== this._key) {
      this._key = key;
      void this._refresher.run();
    }
  }

  private async _fetch(): Promise<void> {
    const wanted = this._wanted();
    const metric = this._metric;
    if (this._isDisposed || metric === null || wanted.length === 0) {
      return;
    }
    const maxPoints = Math.max(
      SHORTEST,
      Math.min(LONGEST, Math.floor(MOST_POINTS / wanted.length))
    );
    const { client } = this._executions;
    try {
      const ids = rangesOf(wanted);
      const curves = await client.getCurves(ids, metric, maxPoints);
      if (this._isDisposed || metric !== this._metric) {
        return;
      }
      this._curves = curves;
      this._drawn = metric;
      this._error = null;
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      // With the next change they are asked for again.
      this._key = '';
    }
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _curves: readonly Curve[] = [];
  private _drawn: string | null = null;
  private _error: Error | null = null;
  private _isDisposed = false;
  private _isPart = false;
  private _key = '';
  private _metric: string | null = null;
  private _refresher = new Coalescer(
    () => this._fetch(),
    () => (this._model.isLive && this._curves.length > 0 ? GATHER_MS : 0)
  );
}
