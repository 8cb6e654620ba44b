/** Submitting the notebook of one panel, and what its button says about it. */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Execution, Parameters } from '../api/types';
import type { ICapture } from './capture';
import { captureNotebook } from './capture';
import type { Submitter } from './submitter';
import { describeError } from './submitter';

/** How long the button shows the number. */
const CONFIRMATION_MS = 4000;

/** What the button says. */
export type SubmissionState =
  | { readonly type: 'idle' }
  | { readonly type: 'sending' }
  | { readonly type: 'accepted'; readonly number: number }
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
    try {
      return await this.send(this._capture(panel, trans));
    } catch (error) {
      const message = describeError(error, trans);
      this._setState({ type: 'refused', message });
      refused(message);
      return null;
    }
  }

  /**
   * Submit a capture of this panel.
   *
   * @param capture - The notebook.
   * @param parameters - What differs from its defaults.
   * @throws What `Submitter.submit` throws.
   */
  async send(capture: ICapture, parameters?: Parameters): Promise<Execution> {
    this._setState({ type: 'sending' });
    try {
      const execution = await this._options.submitter.submit(
        capture,
        parameters
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
