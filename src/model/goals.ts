/**
 * Which metric counts, for each notebook.
 */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { Execution, Goal, MetricValue } from '../api/types';
import type { IGoals } from '../tokens';

/** Keeps the goals that the server knows. */
export class Goals implements IGoals {
  /**
   * @param _client - The REST calls.
   */
  constructor(
    private _client: Pick<IExecutionsClient, 'getGoals' | 'setGoal'>
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted after a goal was named here, for those who look elsewhere. */
  get named(): ISignal<this, void> {
    return this._named;
  }

  find(path: string): Goal | null {
    return this._goals.get(path) ?? null;
  }

  async set(path: string, goal: Goal | null): Promise<void> {
    this._put(path, await this._client.setGoal(path, goal));
    this._changed.emit();
    this._named.emit();
  }

  async refresh(): Promise<void> {
    const fresh = new Map(Object.entries(await this._client.getGoals()));
    if (!isSame(fresh, this._goals)) {
      this._goals = fresh;
      this._changed.emit();
    }
  }

  private _put(path: string, goal: Goal | null): void {
    if (goal === null) {
      this._goals.delete(path);
    } else {
      this._goals.set(path, goal);
    }
  }

  private _goals = new Map<string, Goal>();
  private _changed = new Signal<this, void>(this);
  private _named = new Signal<this, void>(this);
}

function isSame(
  one: ReadonlyMap<string, Goal>,
  other: ReadonlyMap<string, Goal>
): boolean {
  return (
    one.size === other.size &&
    [...one].every(([path, { direction, metric }]) => {
      const goal = other.get(path);
      return goal?.metric === metric && goal.direction === direction;
    })
  );
}

/**
 * The number that a metric's value stands for; NaN for what is none.
 *
 * @param value - a number, `"NaN"`, `"Infinity"` or `"-Infinity"`.
 */
export function metricNumber(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string'
    ? Number(value)
    : NaN;
}

/**
 * Compare two values of the metric of a goal: negative when the first is better.
 *
 * @param goal - says what is better; what is no number comes last.
 * @param one - a value.
 * @param other - another.
 */
export function compareByGoal(
  goal: Pick<Goal, 'direction'>,
  one: unknown,
  other: unknown
): number {
  const [a, b] = [metricNumber(one), metricNumber(other)];
  if (isNaN(a) || isNaN(b)) {
    return Number(isNaN(a)) - Number(isNaN(b));
  }
  // Not the difference: of two infinities it would be NaN.
  const order = Number(a > b) - Number(a < b);
  return goal.direction === 'minimise' ? order : -order;
}

/**
 * The best by a goal, best first; those without the metric are left out.
 *
 * @param executions - any executions.
 * @param goal - the metric and its better direction.
 */
export function rankByGoal<T extends Pick<Execution, 'metrics' | 'number'>>(
  executions: readonly T[],
  goal: Goal
): T[] {
  const value = (execution: T): unknown => execution.metrics[goal.metric];
  return executions
    .filter(execution => !isNaN(metricNumber(value(execution))))
    .sort(
      (a, b) => compareByGoal(goal, value(a), value(b)) || a.number - b.number
    );
}

/**
 * A metric's value as people read it: at most four significant digits.
 *
 * @param value - as the server tells it.
 */
export function metricLabel(value: MetricValue): string {
  if (typeof value === 'string') {
    return value === 'Infinity' ? '∞' : value === '-Infinity' ? '−∞' : value;
  }
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) {
    return String(value);
  }
  if (size >= 1e6 || (size < 1e-4 && size > 0)) {
    return value.toExponential(2);
  }
  return String(Number(value.toPrecision(4)));
}
