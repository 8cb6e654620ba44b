/** The metrics of one execution, fetched while somebody looks: at first all, then what is new. */
import type { IExecutionsClient } from '../api/client';
import type { MetricPoints } from '../api/types';
import { Follower } from '../model/follower';

/** As many as a chart can show. */
export const MAX_POINTS = 800;

/** More have come in piece by piece: the server is asked to thin them out. */
const MOST_KEPT = 3 * MAX_POINTS;

const INTERVAL_MS = 1000;

/** All metrics of one execution. */
export class MetricsModel extends Follower {
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
    super({ name: 'metrics', intervalMs: INTERVAL_MS });
  }

  /** By name; the same object as long as nothing is new. */
  get metrics(): readonly MetricPoints[] {
    return this._metrics;
  }

  get isLoaded(): boolean {
    return this._cursor !== undefined;
  }

  protected async take(): Promise<boolean> {
    const cursor = this._cursor;
    const piece = await this._client.getMetrics(this._id, {
      maxPoints: MAX_POINTS,
      cursor
    });
    if (cursor !== this._cursor) {
      // Closed and opened again meanwhile: another answer brought the same.
      return false;
    }
    const merged = merge(this._metrics, piece.metrics);
    const isTooLong = merged.some(({ values }) => values.length > MOST_KEPT);
    this._isComplete = piece.complete && !isTooLong;
    // Without a cursor all of them come, as many as fit.
    this._cursor = isTooLong ? undefined : piece.cursor;
    const isNews = piece.metrics.some(({ values }) => values.length > 0);
    this._metrics = isNews ? merged : this._metrics;
    return isNews;
  }

  private _cursor: string | undefined = undefined;
  private _metrics: readonly MetricPoints[] = [];
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
