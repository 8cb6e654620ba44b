/** What a result tab knows about its execution, kept up to date. */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Execution, ExecutionEdit, Receipt } from '../api/types';
import { isFinal } from '../model/labels';
import type { ExecutionsChange, IExecutionsModel } from '../tokens';

/** The receipt of one execution. */
export class ReceiptModel implements IDisposable {
  /**
   * Create it; `load()` fetches.
   *
   * @param key - Full id or number.
   * @param executions - Where news comes from.
   */
  constructor(
    private _key: string,
    private _executions: IExecutionsModel
  ) {
    _executions.changed.connect(this._onChanged, this);
  }

  /** The execution as it is now; null before it is loaded. */
  get execution(): Execution | null {
    return this._execution;
  }

  /** Everything that made it; null before it is loaded. */
  get receipt(): Receipt | null {
    return this._receipt;
  }

  /** Why it could not be loaded; null when it could. */
  get error(): Error | null {
    return this._error;
  }

  /** Whether nothing will change any more. */
  get isFinal(): boolean {
    return this._execution !== null && isFinal(this._execution.status);
  }

  /** Milliseconds since the epoch on the server's clock. */
  now(): number {
    return this._executions.now();
  }

  /** Emitted after every change. */
  get changed(): ISignal<ReceiptModel, void> {
    return this._changed;
  }

  /** Whether the model is gone. */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** Fetch the receipt; what fails is kept as `error`. */
  async load(): Promise<void> {
    try {
      const receipt = await this._executions.client.getReceipt(this._key);
      this._receipt = receipt;
      // News may have overtaken the answer.
      if (!this.isFinal) {
        this._execution = receipt.execution;
      }
      this._error = null;
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
    }
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  /**
   * Change what people write about it.
   *
   * @param edit - What changes.
   * @throws When the server refuses; nothing has changed then.
   */
  async edit(edit: ExecutionEdit): Promise<void> {
    const { client } = this._executions;
    this._executions.submitted(await client.edit(this._key, edit));
  }

  private _onChanged(_: IExecutionsModel, change: ExecutionsChange): void {
    if (change.type !== 'execution' || !this._isOurs(change.execution)) {
      return;
    }
    const before = this._execution?.status;
    this._execution = change.execution;
    this._changed.emit();
    if (before !== change.execution.status) {
      // The machine is known once it runs, the artifacts once it is over.
      void this.load();
    }
  }

  private _isOurs(execution: Execution): boolean {
    return execution.id === this._key || String(execution.number) === this._key;
  }

  private _execution: Execution | null = null;
  private _receipt: Receipt | null = null;
  private _error: Error | null = null;
  private _isDisposed = false;
  private _changed = new Signal<ReceiptModel, void>(this);
}
