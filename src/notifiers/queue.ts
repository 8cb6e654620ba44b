/**
 * Decides who is told what, and when: the quiet contract.
 */
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type { Execution } from '../api/types';
import { runSeconds } from '../model/labels';
import type { IExecutionsModel, INotifierRegistry } from '../tokens';
import type { IClaims } from './claims';

/** What ends within so many milliseconds is told together. */
const MERGE_MS = 2000;

/** How long a tab in the background lets one in the foreground go first. */
const BACKGROUND_MS = 1500;

/** Holds executions that are over until it is right to tell of them. */
export class NoticeQueue implements IDisposable {
  /**
   * @param options - what it watches and whom it asks.
   */
  constructor(options: NoticeQueue.IOptions) {
    this._options = options;
    this.minimumRunSeconds = 10;
    options.model.finished.connect(this._onFinished, this);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  /** Executions that ran shorter only change the list. */
  minimumRunSeconds: number;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    document.removeEventListener('visibilitychange', this._onVisibility);
    Signal.clearData(this);
  }

  private _onFinished(_: IExecutionsModel, execution: Execution): void {
    const seconds = runSeconds(execution, this._options.model.now()) ?? 0;
    if (seconds < this.minimumRunSeconds) {
      return;
    }
    if (document.visibilityState === 'hidden') {
      this._unclaimed.set(execution.id, execution);
      this._wait(MERGE_MS + BACKGROUND_MS);
    } else if (this._options.isOnScreen(execution.id)) {
      // No other tab may tell of it either.
      void this._options.claims.claim([execution.id]);
    } else {
      void this._hold([execution]);
    }
  }

  private _onVisibility = (): void => {
    const isWaiting = this._unclaimed.size + this._held.size > 0;
    if (document.visibilityState === 'visible' && isWaiting) {
      this._wait(0);
    }
  };

  /** Claim executions, and keep those that this tab is to tell of. */
  private async _hold(executions: Execution[]): Promise<void> {
    const candidates = [...this._unclaimed.values(), ...executions];
    this._unclaimed.clear();
    const ids = await this._options.claims.claim(candidates.map(e => e.id));
    for (const execution of candidates) {
      if (ids.includes(execution.id)) {
        this._held.set(execution.id, execution);
      }
    }
    if (this._held.size > 0 && this._timer === 0) {
      this._wait(MERGE_MS);
    }
  }

  private _wait(ms: number): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      this._timer = 0;
      void this._tell();
    }, ms);
  }

  private async _tell(): Promise<void> {
    const { isOnScreen, notifiers, typing } = this._options;
    const isHidden = document.visibilityState === 'hidden';
    if (!isHidden && typing.remainingMs > 0) {
      this._wait(typing.remainingMs);
      return;
    }
    const channels = notifiers.notifiers.filter(
      notifier => notifier.canNotify?.() ?? true
    );
    if (channels.length === 0) {
      // Nobody can be reached here: kept until the page is seen again.
      return;
    }
    await this._hold([]);
    window.clearTimeout(this._timer);
    this._timer = 0;
    const executions = [...this._held.values()].filter(
      ({ id }) => !isOnScreen(id)
    );
    this._held.clear();
    if (executions.length > 0 && !this._isDisposed) {
      channels.forEach(channel => void channel.notify(executions));
    }
  }

  private _held = new Map<string, Execution>();
  private _isDisposed = false;
  private _options: NoticeQueue.IOptions;
  private _timer = 0;
  private _unclaimed = new Map<string, Execution>();
}

/** A namespace for `NoticeQueue` statics. */
export namespace NoticeQueue {
  /** What the queue watches and whom it asks. */
  export interface IOptions {
    /** The executions. */
    model: IExecutionsModel;

    /** The channels. */
    notifiers: INotifierRegistry;

    /** Which tab tells. */
    claims: IClaims;

    /** Whether somebody types. */
    typing: { readonly remainingMs: number };

    /** Whether the result of an execution is in front of the user. */
    isOnScreen: (executionId: string) => boolean;
  }
}
