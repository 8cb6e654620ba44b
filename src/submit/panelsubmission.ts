/** Submitting the notebook of one panel, and what its button says about it. */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Execution, Parameters, Sweep } from '../api/types';
import type { ICapture } from './capture';
import { captureNotebook } from './capture';
import type { PlaceOptions } from './place';
import type { Submitter } from './submitter';
import { describeError } from './submitter';
import type { SweepWish } from './sweepform';

/** How long the button shows the number. */
const CONFIRMATION_MS = 4000;

/** What the button says. */
export type SubmissionState =
  | { readonly type: 'idle' }
  | { readonly type: 'sending' }
  | { readonly type: 'accepted'; readonly number: number }
  /** The same has succeeded before; nothing was submitted. */
  | { readonly type: 'same'; readonly execution: Execution }
  | { readonly type: 'refused'; readonly message: string };

/** Submits the notebook of one panel. */
export class PanelSubmission {
  /** Create it; the plugin does so once for each panel. */
  constructor(options: PanelSubmission.IOptions) {
    this._options = options;
  }

  /** What the button says now. */
  get state(): SubmissionState {
    return this._state;
  }

  /** Emitted when the button has something else to say. */
  get stateChanged(): ISignal<PanelSubmission, SubmissionState> {
    return this._stateChanged;
  }

  /**
   * Submit the notebook as it is on the screen.
   *
   * @returns The accepted execution; null when it was refused, which the
   *   button and a message have said by then.
   */
  async run(): Promise<Execution | null> {
    const { panel, trans, refused } = this._options;
    // Asked again after the offer: run it anyway.
    const isAnyway = this._state.type === 'same';
    try {
      const capture = this._capture(panel, trans);
      if (isAnyway || !this.offersSame) {
        return await this.send(capture);
      }
      return await this._sendIfNew(capture);
    } catch (error) {
      const message = describeError(error, trans);
      this._setState({ type: 'refused', message });
      refused(message);
      return null;
    }
  }

  /** Whether what ran already is offered in place of running it again. */
  get offersSame(): boolean {
    return this._options.offersSame?.() ?? false;
  }

  /** Let go of the offer; nothing is run. */
  dismiss(): void {
    if (this._state.type === 'same') {
      this._setState({ type: 'idle' });
    }
  }

  /**
   * Submit a sweep over a capture of this panel.
   *
   * @param capture - The notebook.
   * @param wish - What varies.
   * @throws What `Submitter.submitSweep` throws.
   */
  async sendSweep(capture: ICapture, wish: SweepWish): Promise<Sweep> {
    this._setState({ type: 'sending' });
    try {
      const sweep = await this._options.submitter.submitSweep(capture, wish);
      const number = sweep.first_number;
      this._setState(
        number === null ? { type: 'idle' } : { type: 'accepted', number }
      );
      return sweep;
    } catch (error) {
      this._setState({ type: 'idle' });
      throw error;
    }
  }

  private async _sendIfNew(capture: ICapture): Promise<Execution | null> {
    this._setState({ type: 'sending' });
    try {
      const answer = await this._options.submitter.submitIfNew(capture);
      if ('same' in answer) {
        this._setState({ type: 'same', execution: answer.same });
        return null;
      }
      const { number } = answer.accepted;
      this._setState({ type: 'accepted', number });
      return answer.accepted;
    } catch (error) {
      this._setState({ type: 'idle' });
      throw error;
    }
  }

  /**
   * Submit a capture of this panel.
   *
   * @param capture - The notebook.
   * @param parameters - What differs from its defaults.
   * @param place - Where it runs, unless on this machine.
   * @throws What `Submitter.submit` throws.
   */
  async send(
    capture: ICapture,
    parameters?: Parameters,
    place?: PlaceOptions
  ): Promise<Execution> {
    this._setState({ type: 'sending' });
    try {
      const execution = await this._options.submitter.submit(
        capture,
        parameters,
        place
      );
      this._setState({ type: 'accepted', number: execution.number });
      return execution;
    } catch (error) {
      this._setState({ type: 'idle' });
      throw error;
    }
  }

  private _capture(panel: NotebookPanel, trans: TranslationBundle): ICapture {
    const capture = captureNotebook(panel);
    if (!capture) {
      throw new Error(trans.__('The notebook is still loading.'));
    }
    return capture;
  }

  private _setState(state: SubmissionState): void {
    window.clearTimeout(this._timer);
    this._state = state;
    if (state.type === 'accepted' || state.type === 'refused') {
      this._timer = window.setTimeout(
        () => this._setState({ type: 'idle' }),
        CONFIRMATION_MS
      );
    }
    this._stateChanged.emit(state);
  }

  private _options: PanelSubmission.IOptions;
  private _state: SubmissionState = { type: 'idle' };
  private _timer: number | undefined;
  private _stateChanged = new Signal<PanelSubmission, SubmissionState>(this);
}

/** A namespace for `PanelSubmission` statics. */
export namespace PanelSubmission {
  /** What it needs. */
  export interface IOptions {
    /** The notebook. */
    panel: NotebookPanel;
    /** Who sends it. */
    submitter: Submitter;
    /** The words. */
    trans: TranslationBundle;
    /** Whether what ran already is offered in place of running it again. */
    offersSame?: () => boolean;
    /** Shows the sentence of a refusal. */
    refused: (message: string) => void;
  }

  /**
   * Get the one submission of a panel: its button and its commands share it.
   *
   * @param options - As for the constructor.
   */
  export function of(options: IOptions): PanelSubmission {
    const known = Private.submissions.get(options.panel);
    if (known) {
      return known;
    }
    const made = new PanelSubmission(options);
    Private.submissions.set(options.panel, made);
    return made;
  }
}

namespace Private {
  export const submissions = new WeakMap<NotebookPanel, PanelSubmission>();
}
