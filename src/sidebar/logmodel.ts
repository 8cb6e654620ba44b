/**
 * The end of a log, followed while somebody reads it.
 */
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';

/** How much of the end is fetched first, and at most at a time. */
const PIECE_BYTES = 65_536;

/** How much text is kept: enough to scroll back, little enough to draw. */
const KEPT_CHARACTERS = 200_000;

/** Colours and cursor movements for terminals. */
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007]*\u0007)/g;

/** Follows what one execution prints. */
export class LogModel implements IDisposable {
  /**
   * @param options - whose log, and when to fetch.
   */
  constructor(options: LogModel.IOptions) {
    this.id = options.id;
    this._client = options.client;
    this._isRead = options.isRead;
    this._interval = options.interval ?? 1000;
    void this._follow();
  }

  /** The execution. */
  readonly id: string;

  /** What was printed, without terminal colours. */
  get text(): string {
    return this._text;
  }

  /** Whether anything was fetched yet. */
  get isLoaded(): boolean {
    return this._offset !== null;
  }

  /** Whether what is shown begins in the middle. */
  get isCut(): boolean {
    return this._isCut;
  }

  /** Why the last fetch failed. */
  get error(): Error | null {
    return this._error;
  }

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private async _follow(): Promise<void> {
    let complete = false;
    if (this._isRead()) {
      complete = await this._fetch();
    }
    if (!this._isDisposed && !complete) {
      this._timer = window.setTimeout(
        () => void this._follow(),
        this._interval
      );
    }
  }

  /** Fetch what is new; resolves to whether that was the last of it. */
  private async _fetch(): Promise<boolean> {
    try {
      const piece = await this._client.getLog(this.id, {
        offset: this._offset ?? -PIECE_BYTES,
        limit: PIECE_BYTES
      });
      const isFirst = this._offset === null;
      this._isCut ||= isFirst && piece.offset > 0;
      this._offset = piece.next_offset;
      this._add(piece.text.replace(ANSI, ''));
      const wasBroken = this._error !== null;
      this._error = null;
      if (isFirst || wasBroken || piece.text !== '') {
        this._changed.emit();
      }
      return piece.complete && piece.next_offset >= piece.size_bytes;
    } catch (error) {
      this._error = error instanceof Error ? error : new Error(String(error));
      this._changed.emit();
      return false;
    }
  }

  private _add(text: string): void {
    this._text += text;
    if (this._text.length > KEPT_CHARACTERS) {
      this._text = this._text.slice(-KEPT_CHARACTERS);
      this._isCut = true;
    }
  }

  private _changed = new Signal<this, void>(this);
  private _client: IExecutionsClient;
  private _error: Error | null = null;
  private _interval: number;
  private _isCut = false;
  private _isDisposed = false;
  private _isRead: () => boolean;
  private _offset: number | null = null;
  private _text = '';
  private _timer = 0;
}

/** A namespace for `LogModel` statics. */
export namespace LogModel {
  /** What a log model needs. */
  export interface IOptions {
    /** The execution. */
    id: string;

    /** The REST calls. */
    client: IExecutionsClient;

    /** Whether somebody can see it; nothing is fetched otherwise. */
    isRead: () => boolean;

    /** Milliseconds between two looks. */
    interval?: number;
  }
}
