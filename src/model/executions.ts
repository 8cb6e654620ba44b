/**
 * The executions the front end knows: events first, a slow poll as safety net.
 */
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient, IListQuery } from '../api/client';
import type { IExecutionEvent } from '../api/events';
import { isExecutionEvent } from '../api/events';
import type { Execution, ExecutionKey, ExecutionPage } from '../api/types';
import type {
  ExecutionsChange,
  IExecutionRows,
  IExecutionsFilter,
  IExecutionsModel
} from '../tokens';
import { Catalogue } from './catalogue';
import { Coalescer, Pace } from './coalescer';
import { PAGE_SIZE } from './executionlist';
import type { IAnswers } from './fetching';
import { fetchExecutions } from './fetching';
import { sameFilter } from './filter';
import { ShownList } from './shownlist';
import { Sweeps } from './sweeps';
import { Trash } from './trash';

/**
 * What ends together is fetched together; in a burst of news the server is
 * asked about twice a second.
 */
const PACE = { quickMs: 100, slowMs: 1000, nQuick: 5, withinMs: 3000 };

/** The model behind sidebar, result tabs and notices. */
export class ExecutionsModel implements IExecutionsModel {
  /**
   * @param options - where news comes from.
   */
  constructor(options: ExecutionsModel.IOptions) {
    this.client = options.client;
    this.ready = new Promise(resolve => {
      this._resolveReady = resolve;
    });
    this._options = options;
    options.events.connect(this._onEvent, this);
    options.reconnected?.connect(this._onReconnected, this);
    this.sweeps = new Sweeps({
      client: options.client,
      moved: (before, now) => this._shown.move(before, now),
      opened: (id, isOpen) => this._shown.open(id, isOpen)
    });
    this.sweeps.changed.connect((_, sweep) =>
      this._changed.emit({ type: 'sweep', sweep })
    );
    this._shown = new ShownList({
      catalogue: this._catalogue,
      sweeps: this.sweeps,
      fetch: query => this._fetchPage(query),
      answered: error => {
        this._error = error;
        this._changed.emit({ type: 'list' });
      },
      changed: () => this._changed.emit({ type: 'list' })
    });
    document.addEventListener('visibilitychange', this._onVisibility);
    this._poll = new Poll({
      name: 'jupyter_async_exec:executions',
      factory: () => this._refresher.run(),
      // No back-off: it is slow enough, and a server that comes back after a
      // restart says nothing by itself.
      frequency: { interval: options.interval ?? 30_000, backoff: false },
      standby: 'when-hidden'
    });
  }

  readonly client: IExecutionsClient;

  readonly ready: Promise<void>;

  readonly sweeps: Sweeps;

  get changed(): ISignal<this, ExecutionsChange> {
    return this._changed;
  }

  get finished(): ISignal<this, Execution> {
    return this._finished;
  }

  get disposed(): ISignal<this, void> {
    return this._disposed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get executions(): IExecutionRows {
    return this._shown.rows;
  }

  get isLoading(): boolean {
    return this._isLoading;
  }

  get error(): Error | null {
    return this._error;
  }

  get filter(): IExecutionsFilter {
    return this._shown.filter;
  }
  set filter(filter: IExecutionsFilter) {
    if (sameFilter(filter, this.filter)) {
      return;
    }
    this._shown.filter = filter;
    void this.refresh();
    this._changed.emit({ type: 'list' });
  }

  now(): number {
    return Date.now() + this.client.clockOffset;
  }

  usualDuration(path: string): number | null {
    return this._catalogue.usualDuration(path);
  }

  find(key: ExecutionKey): Execution | undefined {
    return this._catalogue.find(key);
  }

  async get(key: ExecutionKey): Promise<Execution> {
    return this.find(key) ?? this._learn(await this.client.get(key));
  }

  submitted(execution: Execution): void {
    this._learn(execution);
    if (this._shown.isSearch) {
      // Only the server knows whether the text lets it through.
      void this.refresh();
    }
  }

  async refresh(): Promise<void> {
    // The failure is kept in `error`, where the panel shows it.
    await this._refresher.run().catch(() => undefined);
  }

  look(first: number, end: number): void {
    this._shown.rows.look(first, end);
  }

  async remove(id: string): Promise<void> {
    const old = this._forget(id);
    try {
      await this.client.delete(id);
      this._trash.settle(id);
    } catch (error) {
      this._trash.delete(id);
      if (old !== undefined) {
        this._learn(old);
      }
      throw error;
    }
  }

  async undoRemove(id: string): Promise<Execution> {
    const execution = await this.client.undoDelete(id);
    this._trash.delete(id);
    return this._learn(execution);
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._poll.dispose();
    this._fetcher.dispose();
    this._refresher.dispose();
    this.sweeps.dispose();
    this._options.events.disconnect(this._onEvent, this);
    this._options.reconnected?.disconnect(this._onReconnected, this);
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._disposed.emit();
    Signal.clearData(this);
  }

  private _onEvent(_: unknown, emission: unknown): void {
    if (!isExecutionEvent(emission)) {
      return;
    }
    const missed =
      emission.boot_id !== this._bootId || emission.rev !== this._rev + 1;
    this._bootId = emission.boot_id;
    this._rev = emission.rev;
    if (emission.sweep !== null) {
      this.sweeps.hear(emission.sweep, emission.status);
    }
    if (emission.deleted) {
      this._lose(emission.id);
    } else {
      this._hear(emission, missed);
    }
    if (missed) {
      void this.refresh();
    }
  }

  private _hear(event: IExecutionEvent, missed: boolean): void {
    this._trash.delete(event.id);
    const isBelow =
      event.sweep !== null && !this._shown.showsExecutionsOf(event.sweep);
    if (isBelow && this.find(event.id) === undefined) {
      // Of hundreds that nobody looks at, where the sweep stands is enough.
      return;
    }
    const { execution, stale } = this._catalogue.hear(event);
    if (execution !== undefined) {
      this._shown.place(execution);
      this._changed.emit({ type: 'execution', execution });
    }
    if (stale || missed) {
      this._wanted.set(event.number, event.id);
      void this._fetcher.run().catch(() => undefined);
    }
  }

  private _onReconnected(): void {
    void this.refresh();
  }

  private _onVisibility = (): void => {
    if (document.visibilityState === 'visible') {
      void this.refresh();
    }
  };

  /** Fetch what events spoke of. */
  private async _fetchWanted(): Promise<void> {
    const wanted = new Map(this._wanted);
    this._wanted.clear();
    try {
      // A free slot changes why the others wait, and no event tells.
      if (this._catalogue.hasQueued) {
        await this._fetchLive(wanted);
      }
      await fetchExecutions(this.client, wanted, this._answers());
    } catch (error) {
      // The poll says why the server does not answer.
      wanted.forEach((id, number) => this._wanted.set(number, id));
      throw error;
    }
  }

  /** Fetch what is alive, and take it off what else is wanted. */
  private async _fetchLive(wanted: Map<number, string>): Promise<void> {
    const status = 'queued,running';
    const { learn } = this._answers();
    const page = await this.client.list({
      status,
      single: true,
      limit: PAGE_SIZE
    });
    for (const row of page.executions) {
      wanted.delete(row.number);
      learn(row);
    }
  }

  /** Fetch the first page, what is alive, and what was alive until now. */
  private async _fetchList(): Promise<void> {
    const wanted = new Map(this._catalogue.live);
    this._setLoading(true);
    try {
      const rows = await this._shown.refresh();
      rows.forEach(row => wanted.delete(row.number));
      await this._fetchLive(wanted);
      await fetchExecutions(this.client, wanted, this._answers());
      this.sweeps.refresh();
      this._error = null;
      this._resolveReady();
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      this._setLoading(false);
    }
  }

  /** Fetch a page and note its records, without those in the trash. */
  private async _fetchPage(query: IListQuery): Promise<ExecutionPage> {
    const asked = this._trash.ask();
    const page = await this.client.list(query);
    page.sweeps.forEach(sweep => this.sweeps.learn(sweep));
    const rows = page.executions.filter(
      ({ id }) => !this._trash.hides(id, asked)
    );
    const executions = rows.map(row => {
      const wasLive = this._catalogue.isLive(row.id);
      const { execution, ended } = this._catalogue.learn(row);
      if (wasLive) {
        this._changed.emit({ type: 'execution', execution });
      }
      if (ended) {
        this._finished.emit(execution);
      }
      return execution;
    });
    this._catalogue.trim();
    return { ...page, executions };
  }

  private _learn(fresh: Execution): Execution {
    const { execution, ended } = this._catalogue.learn(fresh);
    this._shown.place(execution);
    this._changed.emit({ type: 'execution', execution });
    if (ended) {
      this._finished.emit(execution);
    }
    return execution;
  }

  private _forget(id: string): Execution | undefined {
    const old = this._catalogue.forget(id);
    this._trash.add(id);
    if (old !== undefined) {
      this._shown.remove(old);
    }
    this._changed.emit({ type: 'removed', id });
    return old;
  }

  /** The server says that it is gone. */
  private _lose(id: string): void {
    this._forget(id);
    this._trash.settle(id);
  }

  /** What becomes of answers to what is asked now. */
  private _answers(): IAnswers {
    const asked = this._trash.ask();
    return {
      learn: execution => {
        if (!this._trash.hides(execution.id, asked)) {
          this._learn(execution);
        }
      },
      gone: id => this._lose(id)
    };
  }

  private _setLoading(isLoading: boolean): void {
    this._isLoading = isLoading;
    this._changed.emit({ type: 'list' });
  }

  private _bootId: string | null = null;
  private _catalogue = new Catalogue();
  private _changed = new Signal<this, ExecutionsChange>(this);
  private _disposed = new Signal<this, void>(this);
  private _error: Error | null = null;
  private _pace = new Pace(PACE);
  private _fetcher = new Coalescer(
    () => this._fetchWanted(),
    () => this._pace.next()
  );
  private _finished = new Signal<this, Execution>(this);
  private _isDisposed = false;
  private _isLoading = false;
  private _options: ExecutionsModel.IOptions;
  private _poll: Poll;
  private _refresher = new Coalescer(() => this._fetchList());
  private _resolveReady: () => void = () => undefined;
  private _rev = 0;
  private _shown: ShownList;
  private _trash = new Trash();
  private _wanted = new Map<number, string>();
}

/** A namespace for `ExecutionsModel` statics. */
export namespace ExecutionsModel {
  /** What an executions model needs. */
  export interface IOptions {
    /** The REST calls. */
    client: IExecutionsClient;

    /** Everything that comes over the server's event bus. */
    events: ISignal<unknown, unknown>;

    /** Emitted when the bus is there again after it was away. */
    reconnected?: ISignal<unknown, void>;

    /** Milliseconds between two looks when no event comes. */
    interval?: number;
  }
}
