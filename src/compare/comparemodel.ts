/**
 * What a comparison shows, kept up to date while its executions run.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type {
  ComparedRow,
  Comparison,
  Execution,
  Goal,
  Sweep
} from '../api/types';
import { Coalescer, Pace } from '../model/coalescer';
import { rankByGoal } from '../model/goals';
import { isFinal } from '../model/labels';
import type { ExecutionsChange, IExecutionsModel, IGoals } from '../tokens';
import type { ICompareColumn, IOrder } from './columns';
import { columnsOf, sortRows } from './columns';
import type { CompareSet } from './sets';
import { queryOf } from './sets';

/** In a burst of news the table is fetched every two seconds. */
const PACE = { quickMs: 200, slowMs: 2000, nQuick: 2, withinMs: 5000 };

/** Within a long cell there is no news, but there may be metrics. */
const TICK_MS = 5000;

/** A long table keeps the server busy: it rests nine times as long as it worked. */
const REST = 9;
const LONGEST_REST_MS = 30_000;

/** Several executions side by side. */
export class CompareModel implements IDisposable {
  /**
   * Create it; nothing is fetched before it `isShown`.
   *
   * @param _options - which executions, and where news comes from.
   */
  constructor(private _options: CompareModel.IOptions) {
    _options.executions.changed.connect(this._onChanged, this);
    _options.goals.changed.connect(this._onGoal, this);
    this._poll = new Poll({
      name: 'jupyter_async_exec:compare',
      auto: false,
      factory: () => this._tick(),
      frequency: { interval: TICK_MS, backoff: true, max: 60_000 },
      standby: () =>
        document.hidden || !this._isShown || !(this.isLive || this._isStale)
    });
    void this._poll.start();
  }

  /** Which executions. */
  get set(): CompareSet {
    return this._options.set;
  }

  /** As the server told it last; null before it did. */
  get comparison(): Comparison | null {
    return this._comparison;
  }

  /** Why it could not be loaded; null when it could. */
  get error(): Error | null {
    return this._error;
  }

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the model is gone. */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Whether something of it may still change. */
  get isLive(): boolean {
    return (
      this._nToCome > 0 || this._rows.some(({ status }) => !isFinal(status))
    );
  }

  /** How many executions wait, those counted that a search is still to choose. */
  get nWaiting(): number {
    const queued = this._rows.filter(({ status }) => status === 'queued');
    return queued.length + this._nToCome;
  }

  /** Whether somebody looks; what was missed meanwhile is fetched. */
  get isShown(): boolean {
    return this._isShown;
  }
  set isShown(isShown: boolean) {
    this._isShown = isShown;
    if (isShown && this._isStale) {
      void this.refresh();
    }
  }

  /** Milliseconds on the server's clock. */
  now(): number {
    return this._options.executions.now();
  }

  // ---------------------------------------------------------------- the table

  /** All columns. */
  get columns(): readonly ICompareColumn[] {
    return this._columns;
  }

  /** The columns that show. */
  get shownColumns(): ICompareColumn[] {
    const { _hidden, _isBrief } = this;
    const brief = _isBrief && this._rows.length > 1;
    return this._columns.filter(
      ({ differs, id }) => !_hidden.has(id) && (differs || !brief)
    );
  }

  /** All executions, in the chosen order. */
  get rows(): readonly ComparedRow[] {
    return this._sorted;
  }

  /** Whether columns in which nothing differs are left out. */
  get isBrief(): boolean {
    return this._isBrief;
  }
  set isBrief(isBrief: boolean) {
    this._isBrief = isBrief;
    this._changed.emit();
  }

  /** Whether a column was hidden by the person. */
  isHidden(id: string): boolean {
    return this._hidden.has(id);
  }

  /** Hide a column, or show it again. */
  hide(id: string, isHidden: boolean): void {
    this._hidden[isHidden ? 'add' : 'delete'](id);
    this._changed.emit();
  }

  /** The order of the rows. */
  get order(): IOrder {
    return this._order;
  }
  set order(order: IOrder) {
    this._order = order;
    this._sort();
    this._changed.emit();
  }

  // ------------------------------------------------------------------ the goal

  /** The metric that counts; null while nobody named one. */
  get goal(): Goal | null {
    const { goalPath, objective } = this;
    if (objective !== null) {
      return this._named === undefined ? objective : this._named;
    }
    return goalPath === null ? null : this._options.goals.find(goalPath);
  }

  /** The notebook whose goal counts: that of the first execution. */
  get goalPath(): string | null {
    return this._rows[0]?.notebook_path ?? null;
  }

  /** What the sweep was to search for; null where there is no such sweep. */
  get objective(): Goal | null {
    return this._sweep?.objective ?? null;
  }

  /**
   * Name the metric that counts, for the notebook whose goal is shown; beside
   * the objective of a sweep it counts here alone.
   */
  async setGoal(goal: Goal | null): Promise<void> {
    const { goalPath, objective } = this;
    if (objective !== null) {
      this._named = goal;
      this._changed.emit();
    } else if (goalPath !== null) {
      await this._options.goals.set(goalPath, goal);
    }
  }

  /** Those with the metric that counts, best first; what failed is left out. */
  get ranked(): ComparedRow[] {
    const { goal } = this;
    const fit = this._rows.filter(
      ({ status }) => status === 'succeeded' || status === 'running'
    );
    return goal === null ? [] : rankByGoal(fit, goal);
  }

  // ------------------------------------------------------------- the selection

  /** Whether an execution is selected. */
  isSelected(id: string): boolean {
    return this._selected.has(id);
  }

  /** The selected executions, in the order of the rows. */
  get selected(): ComparedRow[] {
    return this._sorted.filter(({ id }) => this._selected.has(id));
  }

  /** Select these, or no longer. */
  select(ids: readonly string[], isSelected = true): void {
    ids.forEach(id => this._selected[isSelected ? 'add' : 'delete'](id));
    this._changed.emit();
  }

  /** Select these and no others. */
  selectOnly(ids: readonly string[]): void {
    this._selected = new Set(ids);
    this._changed.emit();
  }

  // ------------------------------------------------------------------- actions

  /** Start nothing more of the sweep; what runs comes to its end. */
  async stopTheRest(): Promise<void> {
    if ('sweep' in this.set) {
      const { client, sweeps } = this._options.executions;
      await client.cancelSweep(this.set.sweep, true);
      await sweeps.fetch(this.set.sweep);
      await this.refresh();
    }
  }

  /** Run another notebook, which is given the selected executions. */
  async collect(path: string): Promise<Execution> {
    const { executions } = this._options;
    const execution = await executions.client.submit({
      path,
      collect: { executions: this.selected.map(({ id }) => id) }
    });
    executions.submitted(execution);
    return execution;
  }

  /** Fetch all of it again; calls in between become one. */
  async refresh(): Promise<void> {
    await this._refresher.run();
  }

  /** Let go of everything. */
  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** A failure makes the pauses longer. */
  private async _tick(): Promise<void> {
    await this.refresh();
    if (this._error !== null) {
      throw this._error;
    }
  }

  private async _fetch(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    const { client } = this._options.executions;
    const began = Date.now();
    this._isStale = false;
    try {
      const [comparison] = await Promise.all([
        client.compare(queryOf(this.set)),
        this._learnSweep()
      ]);
      this._comparison = comparison;
      this._error = null;
    } catch (error) {
      this._isStale = true;
      this._error = error instanceof Error ? error : new Error(String(error));
    }
    if (this.isDisposed) {
      return;
    }
    const rest = Math.min(LONGEST_REST_MS, REST * (Date.now() - began));
    this._restsUntil = Date.now() + rest;
    if (this._comparison !== null) {
      this._columns = columnsOf(this._comparison, this._options.trans);
    }
    this._sort();
    this._changed.emit();
  }

  /** What a sweep searches for is the same for ever: asked for once. */
  private async _learnSweep(): Promise<void> {
    if ('sweep' in this.set && this._sweep === null) {
      const { client } = this._options.executions;
      try {
        const { counts, objective } = await client.getSweep(this.set.sweep);
        this._sweep = { counts, objective };
      } catch {
        // The table is worth showing without; the next fetch asks again.
      }
    }
  }

  /** Of a search, how many are still to be chosen. */
  private get _nToCome(): number {
    if (!('sweep' in this.set)) {
      return 0;
    }
    const known = this._options.executions.sweeps.find(this.set.sweep);
    return (known ?? this._sweep)?.counts.to_come ?? 0;
  }

  private _sort(): void {
    const { column, isDescending } = this._order;
    const by = this._columns.find(({ id }) => id === column);
    this._sorted =
      by === undefined
        ? this._rows
        : sortRows(this._rows, by, isDescending, this.now());
  }

  private _onChanged(_: IExecutionsModel, change: ExecutionsChange): void {
    if (!this._isNews(change)) {
      return;
    }
    this._isStale = true;
    // Of a page that nobody sees, the next tick in sight takes care.
    if (this._isShown && !document.hidden) {
      void this.refresh();
    }
  }

  /** Milliseconds to wait before the table is fetched. */
  private _delay(): number {
    return this._comparison === null
      ? 0
      : Math.max(this._pace.next(), this._restsUntil - Date.now());
  }

  private _isNews(change: ExecutionsChange): boolean {
    switch (change.type) {
      case 'execution':
        return this._isOurs(change.execution);
      case 'removed':
        return this._rows.some(({ id }) => id === change.id);
      case 'sweep': {
        // Of a sweep that is closed on the list, this is all that is told.
        const { id } = change.sweep;
        return 'sweep' in this.set
          ? this.set.sweep === id
          : this._rows.some(({ sweep_id }) => sweep_id === id);
      }
      case 'list':
        return false;
    }
  }

  private _isOurs(execution: Execution): boolean {
    if ('sweep' in this.set && execution.sweep_id === this.set.sweep) {
      return true;
    }
    return this._rows.some(({ id }) => id === execution.id);
  }

  private _onGoal(): void {
    this._changed.emit();
  }

  private get _rows(): readonly ComparedRow[] {
    return this._comparison?.executions ?? [];
  }

  private _changed = new Signal<this, void>(this);
  private _columns: readonly ICompareColumn[] = [];
  private _comparison: Comparison | null = null;
  private _error: Error | null = null;
  private _hidden = new Set<string>();
  private _isBrief = true;
  private _isShown = false;
  private _isStale = true;
  /** Named beside the objective of the sweep; undefined while nothing was. */
  private _named: Goal | null | undefined = undefined;
  private _order: IOrder = { column: 'number', isDescending: false };
  private _pace = new Pace(PACE);
  private _poll: Poll;
  private _refresher = new Coalescer(
    () => this._fetch(),
    () => this._delay()
  );
  private _restsUntil = 0;
  private _selected = new Set<string>();
  private _sorted: readonly ComparedRow[] = [];
  private _sweep: Pick<Sweep, 'counts' | 'objective'> | null = null;
}

/** A namespace for `CompareModel` statics. */
export namespace CompareModel {
  /** What a comparison needs. */
  export interface IOptions {
    /** Which executions. */
    set: CompareSet;

    /** Where news comes from. */
    executions: IExecutionsModel;

    /** Which metric counts. */
    goals: IGoals;

    /** The words. */
    trans: TranslationBundle;
  }
}
