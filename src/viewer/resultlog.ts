/** What a notebook printed, fetched piece by piece while somebody looks. */
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import { stripAnsi } from './traceback';

/** How much of the end is fetched first. */
const TAIL_BYTES = 65_536;

/** How much is kept on the page. */
const MAX_CHARACTERS = 500_000;

const INTERVAL_MS = 2000;

/** The log of one execution. */
export class ResultLog implements IDisposable {
  /**
   * Create it; `start()` fetches.
   *
   * @param id - Full id or number of the execution.
   * @param client - The REST calls.
   */
  constructor(
    private _id: string,
    private _client: Pick<IExecutionsClient, 'getLog'>
  ) {
    this._poll = new Poll({
      name: 'jupyter_async_exec:result-log',
      auto: false,
      factory: () => this.fetch(),
      frequency: { interval: INTERVAL_MS, backoff: true, max: 30_000 },
      standby: 'when-hidden'
    });
  }

  /** The text so far, without colours. */
  get text(): string {
    return this._text;
  }

  /** Whether the beginning was left out. */
  get isCut(): boolean {
    return this._isCut;
  }

  /** Whether nothing will be added any more. */
  get isComplete(): boolean {
    return this._isComplete;
  }

  /** Why the last piece did not come; null when it did. */
  get error(): Error | null {
    return this._error;
  }

  /** Whether anything has been fetched. */
  get isLoaded(): boolean {
    return this._next !== null;
  }

  /** Emitted after every change. */
  get changed(): ISignal<ResultLog, void> {
    return this._changed;
  }

  /** Whether the log is gone. */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Begin to fetch, until it is complete or nobody looks any more. */
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

  /** Fetch what is new. */
  async fetch(): Promise<void> {
    try {
      const piece = await this._client.getLog(this._id, {
        offset: this._next ?? -TAIL_BYTES
      });
      this._isCut ||= this._next === null && piece.offset > 0;
      this._next = piece.next_offset;
      this._isComplete =
        piece.complete && piece.next_offset >= piece.size_bytes;
      const text = this._text + stripAnsi(piece.text);
      this._isCut ||= text.length > MAX_CHARACTERS;
      this._text = text.slice(-MAX_CHARACTERS);
      this._error = null;
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      this._changed.emit();
      throw error;
    }
    if (this._isComplete) {
      this.stop();
    }
    this._changed.emit();
  }

  private _poll: Poll;
  private _text = '';
  private _isCut = false;
  private _next: number | null = null;
  private _isComplete = false;
  private _error: Error | null = null;
  private _changed = new Signal<ResultLog, void>(this);
}
