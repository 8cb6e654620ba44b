/** Something that grows on the server, fetched piece by piece while somebody looks. */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** What fails is asked for again, at last this rarely. */
const LONGEST_MS = 30_000;

/** Fetches until all is there. */
export abstract class Follower implements IDisposable {
  /**
   * Create it; `start()` fetches.
   *
   * @param options - What it is called, and when to fetch.
   */
  constructor(options: Follower.IOptions) {
    const { intervalMs, isRead, name } = options;
    this._poll = new Poll({
      name: `jupyter_async_exec:${name}`,
      auto: false,
      factory: () => this.fetch(),
      frequency: { interval: intervalMs, backoff: true, max: LONGEST_MS },
      standby: () => (isRead?.() === false ? true : 'when-hidden')
    });
  }

  /** Whether anything has been fetched. */
  abstract get isLoaded(): boolean;

  /** Whether nothing will be added any more. */
  get isComplete(): boolean {
    return this._isComplete;
  }

  /** Why the last piece did not come; null when it did. */
  get error(): Error | null {
    return this._error;
  }

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether it is gone. */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Begin to fetch, until all is there or nobody looks any more. */
  start(): void {
    if (!this._isComplete) {
      void this._poll.start();
      void this._poll.refresh();
    }
  }

  /** Nobody looks any more. */
  stop(): void {
    void this._poll.stop();
  }

  /** Fetch what is new; rejects when it did not come. */
  async fetch(): Promise<void> {
    const wasLoaded = this.isLoaded;
    const wasBroken = this._error !== null;
    let isNews = false;
    try {
      isNews = await this.take();
      this._error = null;
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      this._changed.emit();
      throw error;
    }
    if (this._isComplete) {
      this.stop();
    }
    if (isNews || wasBroken || !wasLoaded) {
      this._changed.emit();
    }
  }

  /**
   * Fetch a piece and put it behind what is there; set `_isComplete`.
   *
   * @returns Whether it brought anything.
   */
  protected abstract take(): Promise<boolean>;

  protected _isComplete = false;
  private _changed = new Signal<this, void>(this);
  private _error: Error | null = null;
  private _poll: Poll;
}

/** A namespace for `Follower` statics. */
export namespace Follower {
  /** What a follower needs. */
  export interface IOptions {
    /** What its requests are called, for whoever looks for the cause of trouble. */
    name: string;

    /** Milliseconds between two looks. */
    intervalMs: number;

    /** Whether somebody can see it; nothing is fetched otherwise. */
    isRead?: () => boolean;
  }
}
