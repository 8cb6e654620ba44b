/**
 * What the person chose to see: whose executions, which statuses, which words.
 */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Status } from '../api/types';
import type { IExecutionsModel } from '../tokens';

/** Whose executions are listed. */
export type Scope = 'notebook' | 'all';

/** Turns choices into the filter of the model. */
export class ListControls {
  /**
   * @param model - the executions.
   */
  constructor(model: IExecutionsModel) {
    this._model = model;
  }

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whose executions are listed. */
  get scope(): Scope {
    return this._scope;
  }
  set scope(scope: Scope) {
    this._scope = scope;
    this._apply();
  }

  /** The notebook that `scope` speaks of; `null` while none was open yet. */
  get notebook(): string | null {
    return this._notebook;
  }
  set notebook(path: string | null) {
    this._notebook = path;
    this._apply();
  }

  /** The status asked for; `null` for all. */
  get status(): Status | null {
    return this._status;
  }
  set status(status: Status | null) {
    this._status = status;
    this._apply();
  }

  /** The words asked for. */
  get q(): string {
    return this._q;
  }
  set q(q: string) {
    this._q = q;
    this._apply();
  }

  /** Whether there is no notebook to list the executions of. */
  get lacksNotebook(): boolean {
    return this._scope === 'notebook' && this._notebook === null;
  }

  /** Whether a status or words narrow the list. */
  get isNarrowed(): boolean {
    return this._status !== null || this._q.trim() !== '';
  }

  /** Ask for all statuses and any words. */
  clear(): void {
    this._status = null;
    this._q = '';
    this._apply();
  }

  private _apply(): void {
    this._model.filter = {
      notebook: this._scope === 'notebook' ? this._notebook : null,
      statuses: this._status === null ? [] : [this._status],
      q: this._q
    };
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _model: IExecutionsModel;
  private _notebook: string | null = null;
  private _q = '';
  private _scope: Scope = 'all';
  private _status: Status | null = null;
}
