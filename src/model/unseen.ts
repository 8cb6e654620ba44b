/**
 * Counts what ended and was not looked at yet, here or in another tab.
 */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Execution, SweepSummary } from '../api/types';
import type { IExecutionsModel, ISweeps } from '../tokens';

/** What ended and was not looked at yet. */
export class UnseenModel implements IDisposable {
  /**
   * @param options - the model and where the last look is remembered.
   */
  constructor(options: UnseenModel.IOptions) {
    this._model = options.model;
    this._storage = options.storage;
    this._key = options.key;
    this._isOnScreen = options.isOnScreen;
    this._model.finished.connect(this._onFinished, this);
    this._model.changed.connect(this._onChanged, this);
    this._model.sweeps.over.connect(this._onSweepOver, this);
    window.addEventListener('storage', this._onStorage);
    void this._model.ready.then(() => this._lookBack());
  }

  /** How many ended and were not looked at. */
  get count(): number {
    return this._unseen.size;
  }

  /** What ended while nobody was at the page; empty when told or nothing. */
  get away(): readonly Execution[] {
    return this._away;
  }

  /** Emitted when `count` or `away` changes. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The list is being looked at: everything on it is seen. */
  look(): void {
    const newest = Math.max(0, ...[...this._unseen.values()].map(endOf));
    if (newest > this._lastSeen) {
      this._lastSeen = newest;
      this._storage.setItem(this._key, String(newest));
    }
    if (this._unseen.size > 0) {
      this._unseen.clear();
      this._changed.emit();
    }
  }

  /** What happened while nobody was at the page has been read. */
  dismissAway(): void {
    this._away = [];
    this._changed.emit();
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.removeEventListener('storage', this._onStorage);
    Signal.clearData(this);
  }

  private async _lookBack(): Promise<void> {
    const stored = Number(this._storage.getItem(this._key) ?? NaN);
    if (Number.isNaN(stored)) {
      // The first visit: what others did before is not news.
      this._lastSeen = this._model.now();
      this._storage.setItem(this._key, String(this._lastSeen));
      return;
    }
    this._lastSeen = Math.max(this._lastSeen, stored);
    const { executions } = await this._model.client
      .list({ status: 'succeeded,failed,cancelled', limit: 100 })
      .catch(() => ({ executions: [] as Execution[] }));
    const news = executions.filter(
      execution =>
        endOf(execution) > this._lastSeen && !this._unseen.has(execution.id)
    );
    // A sweep counts as one.
    news.forEach(each => this._unseen.set(each.sweep_id ?? each.id, each));
    this._away = news.concat(this._away);
    if (news.length > 0) {
      this._changed.emit();
    }
  }

  private _onSweepOver(_: ISweeps, { finished_at, id }: SweepSummary): void {
    this._unseen.set(id, { finished_at });
    this._changed.emit();
  }

  private _onFinished(_: IExecutionsModel, execution: Execution): void {
    if (this._isOnScreen(execution.id) || execution.sweep_id !== null) {
      // A sweep counts as one, when it is over.
      return;
    }
    this._unseen.set(execution.id, execution);
    if (document.visibilityState === 'hidden') {
      this._away = [...this._away, execution];
    }
    this._changed.emit();
  }

  private _onChanged(
    _: IExecutionsModel,
    change: { type: string; id?: string }
  ): void {
    if (change.type === 'removed' && change.id !== undefined) {
      if (this._unseen.delete(change.id)) {
        this._changed.emit();
      }
    }
  }

  private _onStorage = (event: StorageEvent): void => {
    if (event.key !== this._key || event.newValue === null) {
      return;
    }
    this._lastSeen = Math.max(this._lastSeen, Number(event.newValue));
    for (const [id, execution] of this._unseen) {
      if (endOf(execution) <= this._lastSeen) {
        this._unseen.delete(id);
      }
    }
    this._changed.emit();
  };

  private _away: Execution[] = [];
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _isOnScreen: (executionId: string) => boolean;
  private _key: string;
  private _lastSeen = 0;
  private _model: IExecutionsModel;
  private _storage: Pick<Storage, 'getItem' | 'setItem'>;
  private _unseen = new Map<string, Pick<Execution, 'finished_at'>>();
}

/** A namespace for `UnseenModel` statics. */
export namespace UnseenModel {
  /** What the count needs. */
  export interface IOptions {
    /** The executions. */
    model: IExecutionsModel;

    /** Where the last look is remembered: the browser's, shared by its tabs. */
    storage: Pick<Storage, 'getItem' | 'setItem'>;

    /** The name under which it is remembered. */
    key: string;

    /** Whether the result of an execution is in front of the user. */
    isOnScreen: (executionId: string) => boolean;
  }
}

function endOf(execution: Pick<Execution, 'finished_at'>): number {
  return Date.parse(execution.finished_at ?? '') || 0;
}
