/**
 * Keeps a burst of reasons to fetch from becoming a burst of requests.
 */
import type { IDisposable } from '@lumino/disposable';

/** What failed is tried again after so long, twice as long each time. */
const AGAIN_MS = 1000;

/** At last it is tried again this rarely. */
const LONGEST_MS = 30_000;

/**
 * Runs a task one at a time; all calls during a run become one more run, and
 * a run that fails is made up for.
 */
export class Coalescer implements IDisposable {
  /**
   * @param task - what to run.
   * @param gatherMs - how long to wait for more calls before a run.
   */
  constructor(task: () => Promise<void>, gatherMs: () => number = () => 0) {
    this._task = task;
    this._gatherMs = gatherMs;
  }

  /** Whether nothing runs any more. */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Run nothing any more. */
  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this._timer);
  }

  /**
   * Run the task, or once more after the run in progress.
   *
   * @returns A promise of the run that begins after this call. It rejects when
   *   the task does; the task is tried again all the same.
   */
  run(): Promise<void> {
    // Between the end of one run and the next there is none in progress.
    if (this._current === null && this._next === null) {
      return this._start();
    }
    this._next ??= Promise.resolve(this._current)
      .catch(() => undefined)
      .then(() => {
        this._next = null;
        return this._start();
      });
    return this._next;
  }

  private _start(): Promise<void> {
    window.clearTimeout(this._timer);
    const current = this._run().finally(() => {
      this._current = null;
    });
    this._current = current;
    return current;
  }

  private async _run(): Promise<void> {
    const delay = this._gatherMs();
    if (delay > 0) {
      await new Promise(resolve => setTimeout(resolve, delay));
    }
    if (this._isDisposed) {
      return;
    }
    try {
      await this._task();
      this._nFailed = 0;
    } catch (error) {
      this._tryAgain();
      throw error;
    }
  }

  private _tryAgain(): void {
    const delay = Math.min(LONGEST_MS, AGAIN_MS * 2 ** this._nFailed);
    this._nFailed += 1;
    if (!this._isDisposed) {
      this._timer = window.setTimeout(
        () => void this.run().catch(() => undefined),
        delay
      );
    }
  }

  private _current: Promise<void> | null = null;
  private _gatherMs: () => number;
  private _isDisposed = false;
  private _next: Promise<void> | null = null;
  private _nFailed = 0;
  private _task: () => Promise<void>;
  private _timer = 0;
}

/** Quick after silence, slow while one thing follows the other. */
export class Pace {
  /**
   * @param options - the two paces in milliseconds, and how many quick runs
   *   within how long are a burst.
   */
  constructor(
    private _options: {
      quickMs: number;
      slowMs: number;
      nQuick: number;
      withinMs: number;
    }
  ) {}

  /** Milliseconds to wait before the run that begins now. */
  next(): number {
    const { nQuick, quickMs, slowMs, withinMs } = this._options;
    const now = Date.now();
    this._runs = this._runs.filter(at => now - at < withinMs);
    const delay = this._runs.length < nQuick ? quickMs : slowMs;
    this._runs.push(now);
    return delay;
  }

  private _runs: number[] = [];
}
