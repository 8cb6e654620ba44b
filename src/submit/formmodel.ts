/** The state of the parameter form: what was typed, what is wrong with it, what was sent. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { RJSFSchema } from '@rjsf/utils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { JSONExt } from '@lumino/coreutils';

import type { Execution, ParameterList, Parameters, Sweep } from '../api/types';
import type { FieldsUiSchema, IExtraRow } from './formschema';
import {
  allowsRows,
  describeDefaults,
  fillForm,
  fillRows,
  lostSecrets,
  makeSchema,
  readForm
} from './formschema';
import { Refusals } from './refusals';
import { describeError } from './submitter';
import { SweepForm } from './sweepform';
import type { FieldValue, FormData } from './values';
import { fieldKey, Varied } from './varied';

/** What a file is looked for: rows of values, or the field of a path. */
export type FileWish =
  { readonly for: 'table' } | { readonly for: 'field'; readonly key: string };

/** State of one parameter form. */
export class FormModel {
  /** Create the state of a form that shows `values`. */
  constructor(options: FormModel.IOptions) {
    this._options = options;
    this.list = options.list;
    this._refusals = new Refusals(options.list);
    this.sweep = options.sweep ? new SweepForm(options.sweep) : null;
    this.sweep?.changed.connect(() => this._changed.emit());
    const { list, texts = {}, trans, values } = options;
    const { parameters } = list;
    this._varied = new Varied(parameters, trans, texts);
    this._fields = makeSchema(parameters, trans, this._varied);
    this.defaults = fillForm(parameters);
    this._data = fillForm(parameters, values);
    parameters.forEach(({ name }, index) => {
      if (name in texts) {
        this._data[fieldKey(index)] = texts[name];
      }
    });
    this._rows = fillRows(list, values);
    this._lost = lostSecrets(parameters, values);
    if (this.isMany) {
      this._ask();
    }
  }

  /** The declarations. */
  readonly list: ParameterList;
  /** The part about many executions; null where there can be but one. */
  readonly sweep: SweepForm | null;

  /** The fields, for JupyterLab's form component. */
  get schema(): RJSFSchema {
    return this._fields.schema;
  }

  /** How they look. */
  get uiSchema(): FieldsUiSchema {
    return this._fields.uiSchema;
  }

  /** Which fields take several values, and which are left to a table. */
  get varied(): Pick<Varied, 'covered' | 'n' | 'several'> {
    return this._varied;
  }

  /** Whether more than one execution may come of it. */
  get isMany(): boolean {
    return this.sweep !== null && (this.sweep.isAddition || this._varied.n > 0);
  }

  /** Rows of values, as CSV or JSON; null for none. */
  get table(): string | null {
    return this._varied.table;
  }
  set table(text: string | null) {
    this._varied.table = text;
    this._remake();
  }

  /** A file that is to be chosen before anything else; null for none. */
  get wish(): FileWish | null {
    return this._wish;
  }
  set wish(wish: FileWish | null) {
    this._wish = wish;
    this._changed.emit();
  }

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
        this._refusals.forget(key);
      }
    }
    this._data = data;
    if (this.sweep !== null && this._varied.notice(data)) {
      this._remake();
      return;
    }
    this._ask();
    this._changed.emit();
  }

  /**
   * Let a field take several values, or no longer.
   *
   * @param key - its key.
   * @param isSeveral - whether it takes several.
   */
  setSeveral(key: string, isSeveral: boolean): void {
    this._data = this._varied.setSeveral(key, isSeveral, this._data);
    this._refusals.forget(key);
    this._remake();
  }

  /** Names and values that the notebook does not declare. */
  get rows(): readonly IExtraRow[] {
    return this._rows;
  }
  set rows(rows: readonly IExtraRow[]) {
    this._rows = [...rows];
    this._refusals.forgetRows();
    this._ask();
    this._changed.emit();
  }

  /** Whether rows can be added. */
  get allowsRows(): boolean {
    return allowsRows(this.list) || this._rows.length > 0;
  }

  /** What the fields hold by default, in words where that is nothing. */
  get describedDefaults(): Record<string, FieldValue | undefined> {
    const { list, trans } = this._options;
    const defaults = describeDefaults(list.parameters, this._data, trans);
    // What the table says is no change of a field.
    this._varied.covered.forEach(key => (defaults[key] = this._data[key]));
    return defaults;
  }

  /** Whether anything differs from the defaults. */
  get isModified(): boolean {
    return (
      this._rows.length > 0 ||
      this.table !== null ||
      !JSONExt.deepEqual(this._data, this.defaults)
    );
  }

  /** What is wrong, by key of the field. */
  get problems(): Record<string, string> {
    const { problems, missing } = this._read();
    return {
      ...(this._attempted ? missing : {}),
      ...problems,
      ...this._refusals.place(this.sweep?.problem ?? null).fields,
      ...this._refusals.fields
    };
  }

  /** What is wrong, by index of the row. */
  get rowProblems(): Record<number, string> {
    return {
      ...(this._attempted ? this._read().extraProblems : {}),
      ...this._refusals.rows
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
    const refusal = this.sweep?.problem ?? null;
    return (
      this._message ??
      (refusal !== null && this._refusals.place(refusal).isRest
        ? refusal.message
        : null)
    );
  }

  /**
   * Say something about the form as a whole.
   *
   * @param sentence - What there is to say.
   */
  say(sentence: string): void {
    this._message = sentence;
    this._changed.emit();
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
    this._begin(fillForm(this.list.parameters, values));
    this.rows = fillRows(this.list, values);
  }

  /** The accepted sweep; null until there is one. */
  get accepted(): Sweep | null {
    return this._sweep;
  }

  /** Put the defaults back into the fields and drop all rows. */
  reset(): void {
    this._begin({ ...this.defaults });
    this.rows = [];
  }

  /** Put other things into the fields; what stood there is forgotten, secrets too. */
  private _begin(data: FormData): void {
    this._refusals.forgetFields();
    this._message = null;
    this._attempted = false;
    this._lost = [];
    this._varied.clear();
    this._data = data;
    this._fields = makeSchema(this.list.parameters, this._options.trans);
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
    this._refusals.forgetFields();
    this._refusals.forgetRows();
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
      if (this.sweep !== null && this.isMany) {
        return await this._submitSweep(this.sweep);
      }
      this._execution = await this._options.submit(this._read().changed);
      return true;
    } catch (error) {
      // What stands at a field need not be said twice.
      this._message = this._refusals.keep(error, this._rows)
        ? null
        : describeError(error, this._options.trans);
      return false;
    } finally {
      this._busy = false;
      this._changed.emit();
    }
  }

  /** Ask what it would be; `1` as several values is one execution after all. */
  private async _submitSweep(sweep: SweepForm): Promise<boolean> {
    await sweep.settle();
    if (sweep.problem !== null) {
      return false;
    }
    const { plan } = sweep;
    const isOne = plan?.count === 1 && plan.n_files + plan.n_reused === 0;
    if (plan && isOne && !sweep.isAddition) {
      this._execution = await this._options.submit(plan.trials[0]);
    } else {
      this._sweep = await sweep.submit();
    }
    return true;
  }

  /** What the server is asked about while several values are typed. */
  private _ask(): void {
    this.sweep?.ask({
      values: this._varied.texts(this._data),
      table: this.table,
      parameters: this._read().changed
    });
  }

  /** Draw the fields anew: other ones vary. */
  private _remake(): void {
    const { list, trans } = this._options;
    this._fields = makeSchema(list.parameters, trans, this._varied);
    this._ask();
    this._changed.emit();
  }

  private _read(): ReturnType<typeof readForm> {
    const { trans } = this._options;
    const reading = readForm(
      this.list.parameters,
      this._data,
      this._rows,
      trans,
      this._varied.all
    );
    const lost = this._lost.filter(
      key =>
        this._data[key] === this.defaults[key] && !this._varied.all.has(key)
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

  private _fields: ReturnType<typeof makeSchema>;
  private _options: FormModel.IOptions;
  private _sweep: Sweep | null = null;
  private _data: FormData;
  private _rows: IExtraRow[];
  private _lost: readonly string[];
  private _refusals: Refusals;
  private _attempted = false;
  private _busy = false;
  private _message: string | null = null;
  private _execution: Execution | null = null;
  private _changed = new Signal<FormModel, void>(this);
  private _varied: Varied;
  private _wish: FileWish | null = null;
}

/** A namespace for `FormModel` statics. */
export namespace FormModel {
  /** What a form is made of. */
  export interface IOptions {
    /** The declarations. */
    list: ParameterList;
    /** What to show in place of the defaults. */
    values: Parameters;
    /** By name, several values to begin with. */
    texts?: Readonly<Record<string, string>>;
    /** Send the values that differ from the defaults. */
    submit: (changed: Parameters) => Promise<Execution>;
    /** Plans and submits many; left out where there can be but one. */
    sweep?: SweepForm.IOptions;
    /** The words. */
    trans: TranslationBundle;
  }
}
