/** The presets of a notebook, beside its parameter form. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { NotebookJSON, Parameters, Preset } from '../api/types';
import { describeError } from './submitter';

/** What presets need of the form that they fill. */
export interface IFilledForm {
  /** What differs from the defaults; null while some of it is wrong. */
  readonly values: Parameters | null;

  /** Put values in place of all that stands there. */
  fill(values: Parameters): void;
}

/** The presets of one notebook: apply, save, delete. */
export class PresetsModel {
  /** Create the model; `refresh` asks for what is there. */
  constructor(options: PresetsModel.IOptions) {
    this._options = options;
  }

  /** Emitted after every change. */
  get changed(): ISignal<PresetsModel, void> {
    return this._changed;
  }

  /** What is kept, by name. */
  get presets(): readonly Preset[] {
    return this._presets;
  }

  /** The one that was applied or saved last; null for none. */
  get chosen(): Preset | null {
    return this._presets.find(({ name }) => name === this._chosen) ?? null;
  }

  /** What to call the one that is being saved; null while none is. */
  get draft(): string | null {
    return this._draft;
  }
  set draft(name: string | null) {
    const { trans } = this._options;
    this._draft = name;
    this._message = this.replaces
      ? trans.__('This replaces the preset “%1”.', this.replaces.name)
      : null;
    this._changed.emit();
  }

  /** The one in whose place the draft would be kept; null for none. */
  get replaces(): Preset | null {
    const name = this._draft?.trim();
    return this._presets.find(preset => preset.name === name) ?? null;
  }

  /** What there is to say; null for nothing. */
  get message(): string | null {
    return this._message;
  }

  /** Ask for what is kept; without an answer there is nothing. */
  async refresh(): Promise<void> {
    const { client, path } = this._options;
    try {
      this._presets = await client.getPresets(path);
    } catch {
      this._presets = [];
    }
    this._changed.emit();
  }

  /**
   * Put the values of a preset into the form.
   *
   * @param name - Which; the empty name changes nothing.
   */
  apply(name: string): void {
    const { form, trans } = this._options;
    this._chosen = name;
    const preset = this.chosen;
    this._message = null;
    if (preset) {
      form.fill(preset.parameters);
      if (preset.secrets.length > 0) {
        this._message = trans.__(
          'Secrets are not kept: enter %1.',
          preset.secrets.join(', ')
        );
      }
    }
    this._changed.emit();
  }

  /** Keep what stands in the form under the name of the draft. */
  async save(): Promise<void> {
    const { client, form, notebook, path, secrets, trans } = this._options;
    const name = (this._draft ?? '').trim();
    const { values } = form;
    if (name === '' || values === null) {
      this._say(
        name === ''
          ? trans.__('Enter a name.')
          : trans.__('Correct the values first.')
      );
      return;
    }
    const kept = Object.fromEntries(
      Object.entries(values).filter(([key]) => !secrets.includes(key))
    );
    await this._do(async () => {
      await client.setPreset(path, name, kept, notebook);
      this._draft = null;
      this._chosen = name;
    });
  }

  /** Forget the chosen one; what stands in the form stays. */
  async remove(): Promise<void> {
    const preset = this.chosen;
    if (preset) {
      const { client, path } = this._options;
      await this._do(() => client.deletePreset(path, preset.name));
    }
  }

  private async _do(action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this._message = null;
      await this.refresh();
    } catch (error) {
      this._say(describeError(error, this._options.trans));
    }
  }

  private _say(message: string): void {
    this._message = message;
    this._changed.emit();
  }

  private _options: PresetsModel.IOptions;
  private _presets: readonly Preset[] = [];
  private _chosen = '';
  private _draft: string | null = null;
  private _message: string | null = null;
  private _changed = new Signal<PresetsModel, void>(this);
}

/** A namespace for `PresetsModel` statics. */
export namespace PresetsModel {
  /** What the presets are about. */
  export interface IOptions {
    /** The REST calls. */
    client: Pick<
      IExecutionsClient,
      'getPresets' | 'setPreset' | 'deletePreset'
    >;
    /** The form. */
    form: IFilledForm;
    /** Jupyter path of the notebook. */
    path: string;
    /** The notebook as the form shows it. */
    notebook: NotebookJSON;
    /** Names of parameters that are never kept. */
    secrets: readonly string[];
    /** The words. */
    trans: TranslationBundle;
  }
}
