/**
 * Where sweeps stand: asked for when events speak of them, many with one request.
 */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { Status, SweepSummary } from '../api/types';
import type { ISweeps } from '../tokens';
import { Coalescer, Pace } from './coalescer';
import { isFinal } from './labels';

/** However many executions of sweeps have news, the server is asked about once a second. */
const PACE = { quickMs: 150, slowMs: 1000, nQuick: 3, withinMs: 4000 };

/** So many are asked for with one request. */
const MAX_IDS = 100;

/** What knowing sweeps needs. */
export interface ISweepsOptions {
  /** The REST calls. */
  client: Pick<
    IExecutionsClient,
    'listSweeps' | 'deleteSweep' | 'undoDeleteSweep'
  >;

  /** A sweep has another place on the list, or none any more. */
  moved: (before: SweepSummary | undefined, now: SweepSummary) => void;

  /** The executions of a sweep are to be listed, or no longer. */
  opened: (id: string, isOpen: boolean) => void;
}

/** The sweeps that were heard of. */
export class Sweeps implements ISweeps {
  /**
   * @param options - where news comes from, and where it goes.
   */
  constructor(options: ISweepsOptions) {
    this._options = options;
  }

  get changed(): ISignal<this, SweepSummary> {
    return this._changed;
  }

  get over(): ISignal<this, SweepSummary> {
    return this._over;
  }

  find(id: string): SweepSummary | undefined {
    return this._known.get(id);
  }

  /**
   * The sweep that stands on the list in the place of an execution.
   *
   * @param number - the number of its first execution.
   */
  at(number: number): SweepSummary | undefined {
    return this._known.get(this._first.get(number) ?? '');
  }

  isOpen(id: string): boolean {
    return this._open.has(id);
  }

  setOpen(id: string, isOpen: boolean): void {
    if (isOpen !== this._open.has(id)) {
      if (isOpen) {
        this._open.add(id);
      } else {
        this._open.delete(id);
      }
      this._options.opened(id, isOpen);
    }
  }

  /**
   * Note that an execution of a sweep has news.
   *
   * @param id - the sweep.
   * @param status - of the execution.
   */
  hear(id: string, status: Status): void {
    if (!isFinal(status)) {
      this._live.add(id);
    }
    this._wanted.add(id);
    this._fetch();
  }

  learn(fresh: SweepSummary): void {
    if (this._trash.has(fresh.id)) {
      if (fresh.first_number !== null) {
        // An answer from before it went there.
        return;
      }
      this._trash.delete(fresh.id);
    }
    const old = this._known.get(fresh.id);
    if (JSON.stringify(old) === JSON.stringify(fresh)) {
      return;
    }
    this._keep(fresh);
    if (fresh.finished_at === null) {
      this._live.add(fresh.id);
    }
    this._changed.emit(fresh);
    if (fresh.finished_at !== null && this._live.delete(fresh.id)) {
      this._over.emit(fresh);
    }
  }

  /** Ask again about those that are not over. */
  refresh(): void {
    this._live.forEach(id => this._wanted.add(id));
    this._fetch();
  }

  askAgain(): void {
    this._known.forEach((_, id) => this._wanted.add(id));
    this._fetch();
  }

  async fetch(id: string): Promise<void> {
    const found = await this._options.client.listSweeps([id]);
    found.forEach(sweep => this.learn(sweep));
  }

  async remove(id: string): Promise<void> {
    const old = this._known.get(id);
    this._trash.add(id);
    if (old !== undefined) {
      this._keep({ ...old, first_number: null, last_number: null });
    }
    try {
      await this._options.client.deleteSweep(id);
    } catch (error) {
      this._trash.delete(id);
      if (old !== undefined) {
        this.learn(old);
      }
      throw error;
    }
  }

  async undoRemove(id: string): Promise<void> {
    const sweep = await this._options.client.undoDeleteSweep(id);
    this._trash.delete(id);
    this.learn(sweep);
  }

  /** Ask for nothing any more. */
  dispose(): void {
    this._fetcher.dispose();
    Signal.clearData(this);
  }

  private _keep(fresh: SweepSummary): void {
    const old = this._known.get(fresh.id);
    this._known.set(fresh.id, fresh);
    if (old?.first_number !== fresh.first_number) {
      if (old !== undefined && old.first_number !== null) {
        this._first.delete(old.first_number);
      }
      if (fresh.first_number !== null) {
        this._first.set(fresh.first_number, fresh.id);
      }
    }
    this._options.moved(old, fresh);
  }

  private _fetch(): void {
    if (this._wanted.size > 0) {
      // The poll says why the server does not answer.
      void this._fetcher.run().catch(() => undefined);
    }
  }

  private async _fetchWanted(): Promise<void> {
    const ids = [...this._wanted];
    this._wanted.clear();
    try {
      while (ids.length > 0) {
        const piece = ids.slice(0, MAX_IDS);
        const found = await this._options.client.listSweeps(piece);
        found.forEach(sweep => this.learn(sweep));
        ids.splice(0, MAX_IDS);
      }
    } catch (error) {
      ids.forEach(id => this._wanted.add(id));
      throw error;
    }
  }

  private _changed = new Signal<this, SweepSummary>(this);
  private _first = new Map<number, string>();
  private _known = new Map<string, SweepSummary>();
  private _live = new Set<string>();
  private _open = new Set<string>();
  private _options: ISweepsOptions;
  private _over = new Signal<this, SweepSummary>(this);
  private _pace = new Pace(PACE);
  private _fetcher = new Coalescer(
    () => this._fetchWanted(),
    () => this._pace.next()
  );
  private _trash = new Set<string>();
  private _wanted = new Set<string>();
}
