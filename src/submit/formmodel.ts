/** The state of the parameter form: what was typed, what is wrong with it, what was sent. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { RJSFSchema } from '@rjsf/utils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { JSONExt } from '@lumino/coreutils';

import { ProblemError } from '../api/client';
import type { Execution, ParameterList, Parameters } from '../api/types';
import type { FieldsUiSchema, FormData, IExtraRow } from './formschema';
import {
  allowsRows,
  describeDefaults,
  fieldKey,
  fillForm,
  fillRows,
  lostSecrets,
  makeSchema,
  readForm
} from './formschema';
import { describeError } from './submitter';
import type { FieldValue } from './values';

/** State of one parameter form. */
export class FormModel {
  /** Create the state of a form that shows `values`. */
  constructor(options: FormModel.IOptions) {
    this._options = options;
    this.list = options.list;
    const { schema, uiSchema } = makeSchema(
      options.list.parameters,
      options.trans
    );
    this.schema = schema;
    this.uiSchema = uiSchema;
    this.defaults = fillForm(options.list.parameters);
    this._data = fillForm(options.list.parameters, options.values);
    this._rows = fillRows(options.list, options.values);
    this._lost = lostSecrets(options.list.parameters, options.values);
  }

  /** The declarations. */
  readonly list: ParameterList;
  /** The fields, for JupyterLab's form component. */
  readonly schema: RJSFSchema;
  /** How they look. */
  readonly uiSchema: FieldsUiSchema;
  /** What stands in them by default. */
  readonly defaults: FormData;

  /** Emitted after every change. */
  get changed(): ISignal<FormModel, void> {
    return this._changed;
  }

  /** What stands in the fields. */
  get data(): FormData {
    return this._data;
  }
  set data(data: FormData) {
    for (const key of Object.keys(data)) {
      if (data[key] !== this._data[key]) {
        delete this._refused[key];
      }
    }
    this._data = data;
    this._changed.emit();
  }

  /** Names and values that the notebook does not declare. */
  get rows(): readonly IExtraRow[] {
    return this._rows;
  }
  set rows(rows: readonly IExtraRow[]) {
    this._rows = [...rows];
    this._refusedRows = {};
    this._changed.emit();
  }

  /** Whether rows can be added. */
  get allowsRows(): boolean {
    return allowsRows(this.list) || this._rows.length > 0;
  }

  /** What the fields hold by default, in words where that is nothing. */
  get describedDefaults(): Record<string, FieldValue | undefined> {
    const { list, trans } = this._options;
    return describeDefaults(list.parameters, this._data, trans);
  }

  /** Whether anything differs from the defaults. */
  get isModified(): boolean {
    return (
      this._rows.length > 0 || !JSONExt.deepEqual(this._data, this.defaults)
    );
  }

  /** What is wrong, by key of the field. */
  get problems(): Record<string, string> {
    const { problems, missing } = this._read();
    return {
      ...(this._attempted ? missing : {}),
      ...problems,
      ...this._refused
    };
  }

  /** What is wrong, by index of the row. */
  get rowProblems(): Record<number, string> {
    return {
      ...(this._attempted ? this._read().extraProblems : {}),
      ...this._refusedRows
    };
  }

  /** What differs from the defaults; null while some of it is wrong. */
  get values(): Parameters | null {
    const { changed, extraProblems, problems } = this._read();
    const wrong = { ...problems, ...extraProblems };
    return Object.keys(wrong).length > 0 ? null : changed;
  }

  /** What the form as a whole has to say; null for nothing. */
  get message(): string | null {
    return this._message;
  }

  /** Whether the answer of the server is awaited. */
  get isBusy(): boolean {
    return this._busy;
  }

  /** The accepted execution; null until there is one. */
  get execution(): Execution | null {
    return this._execution;
  }

  /**
   * Put values in place of all that stands there.
   *
   * @param values - Name to value; the others become the defaults.
   */
  fill(values: Parameters): void {
    this._refused = {};
    this._message = null;
    this._data = fillForm(this.list.parameters, values);
    this.rows = fillRows(this.list, values);
  }

  /** Put the defaults back into the fields and drop all rows. */
  reset(): void {
    this._refused = {};
    this._message = null;
    this._data = { ...this.defaults };
    this.rows = [];
  }

  /**
   * Send what stands in the form.
   *
   * @returns Whether it was accepted; if not, problems and message say why.
   */
  async submit(): Promise<boolean> {
    if (this._busy) {
      return false;
    }
    this._attempted = true;
    this._message = null;
    this._refused = {};
    this._refusedRows = {};
    if (
      Object.keys(this.problems).length > 0 ||
      Object.keys(this.rowProblems).length > 0
    ) {
      this._changed.emit();
      return false;
    }
    this._busy = true;
    this._changed.emit();
    try {
      this._execution = await this._options.submit(this._read().changed);
      return true;
    } catch (error) {
      this._explain(error);
      return false;
    } finally {
      this._busy = false;
      this._changed.emit();
    }
  }

  private _read(): ReturnType<typeof readForm> {
    const { trans } = this._options;
    const reading = readForm(
      this.list.parameters,
      this._data,
      this._rows,
      trans
    );
    const lost = this._lost.filter(
      key => this._data[key] === this.defaults[key]
    );
    const again = trans.__('Secrets are not kept: enter it again.');
    return {
      ...reading,
      missing: {
        ...reading.missing,
        ...Object.fromEntries(lost.map(key => [key, again]))
      }
    };
  }

  private _explain(error: unknown): void {
    const fields = refusedFields(error);
    for (const [name, sentence] of Object.entries(fields)) {
      const index = this.list.parameters.findIndex(one => one.name === name);
      const row = this._rows.findIndex(one => one.name.trim() === name);
      if (index >= 0) {
        this._refused[fieldKey(index)] = sentence;
      } else if (row >= 0) {
        this._refusedRows[row] = sentence;
      }
    }
    const shown =
      Object.keys(this._refused).length + Object.keys(this._refusedRows).length;
    // What stands at a field need not be said twice.
    this._message =
      shown > 0 && shown === Object.keys(fields).length
        ? null
        : describeError(error, this._options.trans);
  }

  private _options: FormModel.IOptions;
  private _data: FormData;
  private _rows: IExtraRow[];
  private _lost: readonly string[];
  private _refused: Record<string, string> = {};
  private _refusedRows: Record<number, string> = {};
  private _attempted = false;
  private _busy = false;
  private _message: string | null = null;
  private _execution: Execution | null = null;
  private _changed = new Signal<FormModel, void>(this);
}

/** A namespace for `FormModel` statics. */
export namespace FormModel {
  /** What a form is made of. */
  export interface IOptions {
    /** The declarations. */
    list: ParameterList;
    /** What to show in place of the defaults. */
    values: Parameters;
    /** Send the values that differ from the defaults. */
    submit: (changed: Parameters) => Promise<Execution>;
    /** The words. */
    trans: TranslationBundle;
  }
}

function refusedFields(error: unknown): Record<string, string> {
  const fields =
    error instanceof ProblemError && error.reason === 'invalid_parameters'
      ? error.details['fields']
      : null;
  return typeof fields === 'object' && fields !== null
    ? Object.fromEntries(
        Object.entries(fields).map(([name, text]) => [name, String(text)])
      )
    : {};
}
