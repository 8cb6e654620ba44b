/**
 * Knows whether somebody is typing right now.
 */
import type { IDisposable } from '@lumino/disposable';

/** A pause in typing, in milliseconds, after which a notice may come. */
const PAUSE_MS = 2000;

/** Where keys mean text. */
const TEXT = 'input, textarea, select, [contenteditable="true"], .cm-content';

/** Watches keys that go into editors and fields. */
export class TypingWatch implements IDisposable {
  /**
   * @param now - the clock, in milliseconds.
   */
  constructor(now: () => number = Date.now) {
    this._now = now;
    document.addEventListener('keydown', this._onKeyDown, true);
  }

  /** Milliseconds until typing has paused long enough; 0 when it has. */
  get remainingMs(): number {
    return Math.max(0, this._lastAt + PAUSE_MS - this._now());
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    document.removeEventListener('keydown', this._onKeyDown, true);
  }

  private _onKeyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof Element && event.target.closest(TEXT)) {
      this._lastAt = this._now();
    }
  };

  private _isDisposed = false;
  private _lastAt = -Infinity;
  private _now: () => number;
}
