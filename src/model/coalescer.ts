/**
 * Keeps a burst of reasons to fetch from becoming a burst of requests.
 */

/** Runs a task one at a time; all calls during a run become one more run. */
export class Coalescer {
  /**
   * @param task - what to run.
   * @param gatherMs - how long to wait for more calls before a run.
   */
  constructor(task: () => Promise<void>, gatherMs = 0) {
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
    if (this._gatherMs > 0) {
      await new Promise(resolve => setTimeout(resolve, this._gatherMs));
    }
    await this._task();
  }

  private _gatherMs: number;
  private _task: () => Promise<void>;
  private _current: Promise<void> | null = null;
  private _next: Promise<void> | null = null;
}
