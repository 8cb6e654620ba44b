/**
 * Keeps a burst of reasons to fetch from becoming a burst of requests.
 */

/** Runs a task one at a time; all calls during a run become one more run. */
export class Coalescer {
  /**
   * @param task - what to run.
   * @param gatherMs - how long to wait for more calls before a run.
   */
  constructor(task: () => Promise<void>, gatherMs: () => number = () => 0) {
    this._task = task;
    this._gatherMs = gatherMs;
  }

  /**
   * Run the task, or once more after the run in progress.
   *
   * @returns A promise of the run that begins after this call.
   */
  run(): Promise<void> {
    if (this._current === null) {
      return this._start();
    }
    this._next ??= this._current
      .catch(() => undefined)
      .then(() => {
        this._next = null;
        return this._start();
      });
    return this._next;
  }

  private _start(): Promise<void> {
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
    await this._task();
  }

  private _gatherMs: () => number;
  private _task: () => Promise<void>;
  private _current: Promise<void> | null = null;
  private _next: Promise<void> | null = null;
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
