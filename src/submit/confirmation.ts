/** Says in the status bar, for a moment, what was submitted elsewhere. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Execution, Sweep } from '../api/types';

/** How long it stays. */
export const SHOWN_MS = 6000;

/** A text that goes by itself. */
export class Confirmation extends Widget {
  /** Create it; add it to the status bar. */
  constructor() {
    super();
    this.addClass('jp-ExecutionsConfirmation');
    this.node.setAttribute('role', 'status');
  }

  /** Whether there is anything to read. */
  get isActive(): boolean {
    return this.node.textContent !== '';
  }

  /** Emitted when it begins or ends to say something. */
  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  /**
   * Show a text for a moment.
   *
   * @param text - The text; empty to end.
   */
  say(text: string): void {
    window.clearTimeout(this._timer);
    this.node.textContent = text;
    this._activeChanged.emit();
    if (text !== '') {
      this._timer = window.setTimeout(() => this.say(''), SHOWN_MS);
    }
  }

  override dispose(): void {
    window.clearTimeout(this._timer);
    Signal.clearData(this);
    super.dispose();
  }

  private _activeChanged = new Signal<this, void>(this);
  private _timer: number | undefined;
}

/**
 * Say that notebooks were submitted.
 *
 * @param executions - What the server accepted.
 * @param trans - The words.
 */
export function submittedLabel(
  executions: readonly Pick<Execution, 'number' | 'notebook_path'>[],
  trans: TranslationBundle
): string {
  const [first] = executions;
  if (executions.length === 1) {
    const name = first.notebook_path.split('/').pop() ?? '';
    return trans.__('Submitted #%1: %2', first.number, name);
  }
  const numbers = executions.map(({ number }) => `#${number}`);
  return numbers.length === 0
    ? ''
    : trans.__('Submitted %1', numbers.join(', '));
}

/**
 * Say that a sweep started nothing: all of it had run before.
 *
 * @param sweep - What the server accepted.
 * @param trans - The words.
 */
export function nothingNewLabel(
  { n_reused, then }: Pick<Sweep, 'n_reused' | 'then'>,
  trans: TranslationBundle
): string {
  return [
    trans._n(
      'It ran already; nothing new was started.',
      'All %1 ran already; nothing new was started.',
      n_reused
    ),
    ...then.map(({ number }) => trans.__('#%1 collects the results.', number))
  ].join(' ');
}
