/** What the server refused, said at the fields and rows that it is about. */
import { ProblemError } from '../api/problem';
import type { ParameterList } from '../api/types';
import type { IExtraRow } from './formschema';
import { fieldKey } from './varied';

/** Knows what is wrong where, until that is edited. */
export class Refusals {
  /** Create it; nothing is refused yet. */
  constructor(private _list: ParameterList) {}

  /** What is wrong, by key of the field. */
  get fields(): Readonly<Record<string, string>> {
    return this._fields;
  }

  /** What is wrong, by index of the row. */
  get rows(): Readonly<Record<number, string>> {
    return this._rows;
  }

  /**
   * A field was edited: what was wrong with it is no longer said.
   *
   * @param key - its key.
   */
  forget(key: string): void {
    delete this._fields[key];
  }

  /** Other rows stand there. */
  forgetRows(): void {
    this._rows = {};
  }

  /** Other values stand in the fields. */
  forgetFields(): void {
    this._fields = {};
  }

  /**
   * Keep what a refusal says at fields and rows.
   *
   * @param error - why the server refused.
   * @param rows - names and values that the notebook does not declare.
   * @returns Whether it is all said there.
   */
  keep(error: unknown, rows: readonly IExtraRow[]): boolean {
    const said = sentencesOf(error);
    for (const [name, sentence] of said) {
      const key = this._keyOf(name);
      const row = rows.findIndex(one => one.name.trim() === name);
      if (key !== null) {
        this._fields[key] = sentence;
      } else if (row >= 0) {
        this._rows[row] = sentence;
      }
    }
    const n = Object.keys(this._fields).length + Object.keys(this._rows).length;
    return n > 0 && n === said.length;
  }

  /**
   * Tell what a refusal says at fields, without keeping it.
   *
   * @param refusal - of what is being typed; null for none.
   * @returns Sentences by key of the field, and whether something is left to say.
   */
  place(refusal: ProblemError | null): {
    fields: Record<string, string>;
    isRest: boolean;
  } {
    const said = sentencesOf(refusal);
    const fields: Record<string, string> = {};
    for (const [name, sentence] of said) {
      const key = this._keyOf(name);
      if (key !== null) {
        fields[key] = sentence;
      }
    }
    const n = Object.keys(fields).length;
    return { fields, isRest: n === 0 || n < said.length };
  }

  private _keyOf(name: string): string | null {
    const index = this._list.parameters.findIndex(one => one.name === name);
    return index < 0 ? null : fieldKey(index);
  }

  private _fields: Record<string, string> = {};
  private _rows: Record<number, string> = {};
}

/** What is wrong, by name of the parameter. */
function sentencesOf(error: unknown): [string, string][] {
  const fields =
    error instanceof ProblemError && error.reason === 'invalid_parameters'
      ? error.details['fields']
      : null;
  return typeof fields === 'object' && fields !== null
    ? Object.entries(fields).map(([name, text]) => [name, String(text)])
    : [];
}
