/** The metrics of one execution, fetched while somebody looks: at first all, then what is new. */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { MetricPoints } from '../api/types';

/** As many as a chart can show. */
export const MAX_POINTS = 800;

/** More have come in piece by piece: the server is asked to thin them out. */
const MOST_KEPT = 3 * MAX_POINTS;

const INTERVAL_MS = 1000;

/** All metrics of one execution. */
export class MetricsModel implements IDisposable {
  /**
   * Create it; `start()` fetches.
   *
   * @param _id - Full id or number of the execution.
   * @param _client - The REST calls.
   */
  constructor(
    private _id: string,
    private _client: Pick<IExecutionsClient, 'getMetrics'>
  ) {
    this._poll = new Poll({
      name: 'jupyter_async_exec:metrics',
      auto: false,
      factory: () => this.fetch(),
      frequency: { interval: INTERVAL_MS, backoff: true, max: 30_000 },
      standby: 'when-hidden'
    });
  }

  /** By name; the same object as long as nothing is new. */
  get metrics(): readonly MetricPoints[] {
    return this._metrics;
  }

  /** Whether anything has been fetched. */
  get isLoaded(): boolean {
    return this._cursor !== undefined;
  }

  /** Why they did not come; null when they did. */
  get error(): Error | null {
    return this._error;
  }

  /** Emitted after every change. */
  get changed(): ISignal<MetricsModel, void> {
    return this._changed;
  }

  /** Whether the model is gone. */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Begin to fetch, until all is there or nobody looks any more. */
  start(): void {
    if (!this._isComplete) {
      void this._poll.start();
      void this._poll.refresh();
    }
  }

  /** Nobody looks any more. */
  stop(): void {
    void this._poll.stop();
  }

  /** Fetch what is new. */
  async fetch(): Promise<void> {
    const wasLoaded = this.isLoaded;
    const cursor = this._cursor;
    try {
      const piece = await this._client.getMetrics(this._id, {
        maxPoints: MAX_POINTS,
        cursor
      });
      if (cursor !== this._cursor) {
        // Closed and opened again meanwhile: another answer brought the same.
        return;
      }
      const merged = merge(this._metrics, piece.metrics);
      const isTooLong = merged.some(({ values }) => values.length > MOST_KEPT);
      this._isComplete = piece.complete && !isTooLong;
      // Without a cursor all of them come, as many as fit.
      this._cursor = isTooLong ? undefined : piece.cursor;
      const isNews = piece.metrics.some(({ values }) => values.length > 0);
      this._metrics = isNews ? merged : this._metrics;
      this._error = null;
      if (isNews || !wasLoaded) {
        this._changed.emit();
      }
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      this._changed.emit();
      throw error;
    }
    if (this._isComplete) {
      this.stop();
    }
  }

  private _changed = new Signal<MetricsModel, void>(this);
  private _cursor: string | undefined = undefined;
  private _error: Error | null = null;
  private _isComplete = false;
  private _metrics: readonly MetricPoints[] = [];
  private _poll: Poll;
}

/**
 * Put new points behind those that are known.
 *
 * @param known - by name.
 * @param fresh - what came; from the first point on they replace what is known.
 */
export function merge(
  known: readonly MetricPoints[],
  fresh: readonly MetricPoints[]
): MetricPoints[] {
  const byName = new Map(known.map(each => [each.name, each]));
  for (const piece of fresh) {
    const before = byName.get(piece.name);
    byName.set(
      piece.name,
      before === undefined || piece.offset === 0
        ? piece
        : {
            ...piece,
            offset: before.offset,
            sampled: before.sampled || piece.sampled,
            steps: [...before.steps, ...piece.steps],
            values: [...before.values, ...piece.values],
            times_s: [...before.times_s, ...piece.times_s]
          }
    );
  }
  return [...byName.values()];
}
