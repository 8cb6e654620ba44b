/**
 * The executions the front end knows: events first, a slow poll as safety net.
 */
import type { Event } from '@jupyterlab/services';
import { Poll } from '@lumino/polling';
import type { ISignal, IStream } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import { ProblemError } from '../api/client';
import { isExecutionEvent } from '../api/events';
import type { Execution, ExecutionKey, ExecutionPage } from '../api/types';
import type {
  ExecutionsChange,
  IExecutionsFilter,
  IExecutionsModel
} from '../tokens';
import { Catalogue } from './catalogue';
import { Coalescer } from './coalescer';
import { ExecutionList } from './executionlist';
import { matches, NO_FILTER, sameFilter, toQuery } from './filter';

/** Rows per request. */
const PAGE_SIZE = 100;

/** From so many on, fetching the list is cheaper than fetching each. */
const MANY = 8;

/** Executions of a sweep end together: so long news is gathered first. */
const GATHER_MS = 100;

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
    this._stream = options.stream;
    this._stream.connect(this._onEvent, this);
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

  get executions(): readonly Execution[] {
    return this._list.rows;
  }

  get hasMore(): boolean {
    return this._list.cursor !== null;
  }

  get isLoading(): boolean {
    return this._isLoading;
  }

  get error(): Error | null {
    return this._error;
  }

  get filter(): IExecutionsFilter {
    return this._filter;
  }
  set filter(filter: IExecutionsFilter) {
    if (sameFilter(filter, this._filter)) {
      return;
    }
    this._filter = filter;
    this._generation += 1;
    this._isNewFilter = true;
    // What is known already bridges the time until the server answers.
    this._list.reset(
      filter.q.trim() === ''
        ? this._catalogue.all.filter(execution => matches(filter, execution))
        : [],
      null
    );
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
    if (this._filter.q.trim() !== '') {
      // Only the server knows whether the text lets it through.
      void this.refresh();
    }
  }

  async refresh(): Promise<void> {
    // The failure is kept in `error`, where the panel shows it.
    await this._refresher.run().catch(() => undefined);
  }

  async loadMore(): Promise<void> {
    const { cursor } = this._list;
    if (cursor === null || this._isLoading) {
      return;
    }
    const generation = this._generation;
    this._setLoading(true);
    try {
      const query = { ...toQuery(this._filter), limit: PAGE_SIZE, cursor };
      const page = await this.client.list(query);
      const executions = this._notePage(page);
      if (generation === this._generation && cursor === this._list.cursor) {
        this._list.append({ ...page, executions });
      }
      this._error = null;
    } catch (error) {
      this._error = toError(error);
    } finally {
      this._setLoading(false);
    }
  }

  async remove(id: string): Promise<void> {
    const old = this._forget(id);
    try {
      await this.client.delete(id);
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
    this._stream.disconnect(this._onEvent, this);
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._disposed.emit();
    Signal.clearData(this);
  }

  private _onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (!isExecutionEvent(emission)) {
      return;
    }
    const missed =
      emission.boot_id !== this._bootId || emission.rev !== this._rev + 1;
    this._bootId = emission.boot_id;
    this._rev = emission.rev;
    if (emission.deleted) {
      this._forget(emission.id);
    } else {
      this._trash.delete(emission.id);
      const { execution, stale } = this._catalogue.hear(emission);
      if (execution !== undefined) {
        this._place(execution);
        this._changed.emit({ type: 'execution', execution });
      }
      if (stale && !missed) {
        this._wanted.add(emission.id);
        void this._fetcher.run();
      }
    }
    if (missed && !emission.deleted) {
      this._wanted.add(emission.id);
      void this._fetcher.run();
    }
    if (missed) {
      void this.refresh();
    }
  }

  private _onVisibility = (): void => {
    if (document.visibilityState === 'visible') {
      void this.refresh();
    }
  };

  /** Fetch what events spoke of. Failures wait for the next poll. */
  private async _fetchWanted(): Promise<void> {
    const ids = [...this._wanted];
    this._wanted.clear();
    if (ids.length >= MANY) {
      await this.refresh();
    }
    const rest = ids.filter(id => !this._fetchedIds.has(id));
    for (const id of ids.length >= MANY ? rest : ids) {
      await this._fetchOne(id);
    }
    // A free slot changes why the others wait, and no event tells.
    if (ids.length > 0 && ids.length < MANY && this._catalogue.hasQueued) {
      await this._fetchLive().catch(() => undefined);
    }
  }

  private async _fetchOne(id: string): Promise<void> {
    try {
      this._learn(await this.client.get(id));
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) {
        this._forget(id);
      }
    }
  }

  private async _fetchLive(): Promise<string[]> {
    const status = 'queued,running';
    const page = await this.client.list({ status, limit: 200 });
    return page.executions
      .filter(row => !this._trash.has(row.id))
      .map(row => this._learn(row).id);
  }

  /** Fetch the first page, what is alive, and what was alive until now. */
  private async _fetchList(): Promise<void> {
    const generation = this._generation;
    const wereLive = this._catalogue.liveIds;
    this._fetchedIds = new Set();
    this._setLoading(true);
    try {
      const query = { ...toQuery(this._filter), limit: PAGE_SIZE };
      const page = await this.client.list(query);
      const executions = this._notePage(page);
      if (generation === this._generation) {
        this._showFirstPage({ ...page, executions });
      }
      const ids = executions.map(row => row.id);
      this._fetchedIds = new Set(ids.concat(await this._fetchLive()));
      for (const id of wereLive.filter(id => !this._fetchedIds.has(id))) {
        await this._fetchOne(id);
      }
      this._error = null;
      this._resolveReady();
    } catch (error) {
      this._error = toError(error);
      throw error;
    } finally {
      this._setLoading(false);
    }
  }

  private _showFirstPage(page: ExecutionPage): void {
    if (this._isNewFilter) {
      this._isNewFilter = false;
      this._list.reset(page.executions, page.next_cursor);
    } else {
      this._list.refresh(page);
    }
  }

  /**
   * Note the records of a page. It may have been made before something on it
   * went to the trash.
   */
  private _notePage(page: ExecutionPage): Execution[] {
    return page.executions
      .filter(row => !this._trash.has(row.id))
      .map(row => {
        const { execution, ended } = this._catalogue.learn(row);
        if (ended) {
          this._finished.emit(execution);
        }
        return execution;
      });
  }

  private _learn(fresh: Execution): Execution {
    const { execution, ended } = this._catalogue.learn(fresh);
    this._place(execution);
    this._changed.emit({ type: 'execution', execution });
    if (ended) {
      this._finished.emit(execution);
    }
    return execution;
  }

  private _place(execution: Execution): void {
    if (!matches(this._filter, execution)) {
      this._list.remove(execution);
    } else if (this._filter.q.trim() === '' || this._list.has(execution)) {
      this._list.place(execution);
    }
  }

  private _forget(id: string): Execution | undefined {
    const old = this._catalogue.forget(id);
    this._trash.add(id);
    if (old !== undefined) {
      this._list.remove(old);
    }
    this._changed.emit({ type: 'removed', id });
    return old;
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
  private _fetchedIds = new Set<string>();
  private _fetcher = new Coalescer(() => this._fetchWanted(), GATHER_MS);
  private _filter = NO_FILTER;
  private _finished = new Signal<this, Execution>(this);
  private _generation = 0;
  private _isDisposed = false;
  private _isLoading = false;
  private _isNewFilter = true;
  private _list = new ExecutionList();
  private _poll: Poll;
  private _refresher = new Coalescer(() => this._fetchList());
  private _resolveReady: () => void = () => undefined;
  private _rev = 0;
  private _stream: IStream<Event.IManager, Event.Emission>;
  private _trash = new Set<string>();
  private _wanted = new Set<string>();
}

/** A namespace for `ExecutionsModel` statics. */
export namespace ExecutionsModel {
  /** What an executions model needs. */
  export interface IOptions {
    /** The REST calls. */
    client: IExecutionsClient;

    /** The server's event bus. */
    stream: IStream<Event.IManager, Event.Emission>;

    /** Milliseconds between two looks when no event comes. */
    interval?: number;
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
