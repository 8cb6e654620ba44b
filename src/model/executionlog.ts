/** What a notebook printed: the end of it first, then what is new while somebody looks. */
import type { IExecutionsClient } from '../api/client';
import { Follower } from './follower';

/** How much of the end is fetched first, and at most at a time. */
const PIECE_BYTES = 65_536;

/** The log of one execution. */
export class ExecutionLog extends Follower {
  /**
   * Create it; `start()` fetches.
   *
   * @param options - whose log, how much of it to keep, and when to fetch.
   */
  constructor(options: ExecutionLog.IOptions) {
    super({ name: 'log', ...options });
    this.id = options.id;
    this._client = options.client;
    this._kept = options.keptCharacters;
  }

  /** Full id or number of the execution. */
  readonly id: string;

  /** The text so far, without the colours of terminals. */
  get text(): string {
    return this._text;
  }

  /** Whether what is here begins in the middle. */
  get isCut(): boolean {
    return this._isCut;
  }

  get isLoaded(): boolean {
    return this._next !== null;
  }

  protected async take(): Promise<boolean> {
    const next = this._next;
    const piece = await this._client.getLog(this.id, {
      offset: next ?? -PIECE_BYTES,
      limit: PIECE_BYTES
    });
    if (next !== this._next) {
      // Closed and opened again meanwhile: another answer brought the same.
      return false;
    }
    this._isCut ||= next === null && piece.offset > 0;
    this._next = piece.next_offset;
    this._isComplete = piece.complete && piece.next_offset >= piece.size_bytes;
    const text = this._text + stripAnsi(piece.text);
    this._isCut ||= text.length > this._kept;
    this._text = text.slice(-this._kept);
    return piece.text !== '';
  }

  private _client: Pick<IExecutionsClient, 'getLog'>;
  private _isCut = false;
  private _kept: number;
  private _next: number | null = null;
  private _text = '';
}

/** A namespace for `ExecutionLog` statics. */
export namespace ExecutionLog {
  /** What a log needs. */
  export interface IOptions extends Pick<
    Follower.IOptions,
    'intervalMs' | 'isRead'
  > {
    /** Full id or number of the execution. */
    id: string;

    /** The REST calls. */
    client: Pick<IExecutionsClient, 'getLog'>;

    /** How much text is kept: enough to scroll back, little enough to draw. */
    keptCharacters: number;
  }
}

/**
 * Remove ANSI colours and other escape sequences.
 *
 * @param text - Text as a terminal would get it.
 */
export function stripAnsi(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007]*\u0007)/g, '');
}
