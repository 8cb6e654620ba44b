/** What varies in the form: fields that take several values, and the columns of a table. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Parameter } from '../api/types';
import type { FormData } from './values';
import { defaultField, readField, toField } from './values';

/** Between the cells of a row, as the server has it. */
const DELIMITERS = [',', ';', '\t'];

/** Which fields take several values, and which are left to a table. */
export class Varied {
  /**
   * @param parameters - the declarations.
   * @param trans - the words.
   * @param texts - by name, several values to begin with.
   */
  constructor(
    parameters: readonly Parameter[],
    trans: TranslationBundle,
    texts: Readonly<Record<string, string>> = {}
  ) {
    this._parameters = parameters;
    this._trans = trans;
    this._several = new Set(
      parameters.flatMap(({ name }, index) =>
        name in texts ? [fieldKey(index)] : []
      )
    );
  }

  /** Keys of the fields that take several values. */
  get several(): ReadonlySet<string> {
    return this._several;
  }

  /** Keys of the fields whose values stand in the table. */
  get covered(): ReadonlySet<string> {
    const names = new Set(this.table === null ? [] : columnsOf(this.table));
    return new Set(
      this._parameters.flatMap(({ name }, index) =>
        names.has(name) ? [fieldKey(index)] : []
      )
    );
  }

  /** Keys of the fields that hold no single value. */
  get all(): ReadonlySet<string> {
    return new Set([...this._several, ...this.covered]);
  }

  /** How many things go together: parameters, and the table as one. */
  get n(): number {
    const { covered } = this;
    const own = [...this._several].filter(key => !covered.has(key));
    return own.length + (this.table === null ? 0 : 1);
  }

  /** Rows of values, as CSV or JSON; null for none. */
  table: string | null = null;

  /**
   * The texts of several values, by name of their parameter.
   *
   * @param data - what stands in the fields.
   */
  texts(data: FormData): Record<string, string> {
    const { covered } = this;
    return Object.fromEntries(
      this._parameters.flatMap(({ name }, index) => {
        const key = fieldKey(index);
        return this._several.has(key) && !covered.has(key)
          ? [[name, String(data[key] ?? '')]]
          : [];
      })
    );
  }

  /**
   * Let a field take several values, or no longer.
   *
   * @param key - its key.
   * @param isSeveral - whether it takes several.
   * @param data - what stands in the fields.
   * @returns What stands in them then.
   */
  setSeveral(key: string, isSeveral: boolean, data: FormData): FormData {
    const parameter = this._parameters.find(
      (_, index) => fieldKey(index) === key
    );
    if (parameter === undefined || isSeveral === this._several.has(key)) {
      return data;
    }
    if (isSeveral) {
      this._several.add(key);
      return { ...data, [key]: String(data[key] ?? '') };
    }
    this._several.delete(key);
    // One value stays; several are none that the field could hold.
    const text = String(data[key]);
    const field = parameter.type === 'bool' ? text === 'true' : text;
    const reading = readField(parameter, field, this._trans);
    const stays =
      reading.type === 'value' && !looksLikeSeveral(text)
        ? toField(parameter, reading.value)
        : defaultField(parameter);
    return { ...data, [key]: stays };
  }

  /**
   * In the field of a number a comma says enough.
   *
   * @param data - what stands in the fields.
   * @returns Whether other fields take several values now.
   */
  notice(data: FormData): boolean {
    const before = this._several.size;
    this._parameters.forEach((parameter, index) => {
      const text = data[fieldKey(index)];
      if (
        (parameter.type === 'int' || parameter.type === 'float') &&
        typeof text === 'string' &&
        looksLikeSeveral(text) &&
        readField(parameter, text, this._trans).type === 'problem'
      ) {
        this._several.add(fieldKey(index));
      }
    });
    return this._several.size !== before;
  }

  /** Nothing varies any more. */
  clear(): void {
    this._several.clear();
    this.table = null;
  }

  private _parameters: readonly Parameter[];
  private _several: Set<string>;
  private _trans: TranslationBundle;
}

/**
 * Get the key of a parameter in the schema.
 *
 * @param index - Its place in the list.
 *
 * #### Notes
 * Not its name: JupyterLab's form component cuts keys at `_` when it looks for
 * the default, and would never mark `learning_rate` as changed.
 */
export function fieldKey(index: number): string {
  return `p${index}`;
}

/**
 * Whether a text is meant as several values; what they are, the server says.
 *
 * @param text - what stands in the field of a number.
 */
export function looksLikeSeveral(text: string): boolean {
  return /,|\.\.|\(|^\s*glob:/.test(text);
}

/**
 * Whether a text is a range that can only be searched.
 *
 * @param text - what stands in a field of several values.
 */
export function looksSearched(text: string): boolean {
  return /^\s*(int|float|log)\s*\(/.test(text);
}

/**
 * Name the columns of a table, so that no field speaks of them too.
 *
 * @param text - CSV or JSON; the rows are read by the server alone.
 */
export function columnsOf(text: string): string[] {
  const begin = text.trimStart();
  if (/^[[{]/.test(begin)) {
    try {
      const rows: unknown = JSON.parse(begin);
      return Array.isArray(rows) ? Object.keys((rows[0] ?? {}) as object) : [];
    } catch {
      return [];
    }
  }
  const [head] = begin.split(/\r?\n/, 1);
  const count = (mark: string): number => head.split(mark).length;
  const [delimiter] = [...DELIMITERS].sort((a, b) => count(b) - count(a));
  return head
    .split(delimiter)
    .map(cell => cell.trim().replace(/^"(.*)"$/, '$1'))
    .filter(name => name !== '');
}

/**
 * Whether a table has begun: its head alone is no reason to complain yet.
 *
 * @param text - CSV or JSON.
 */
export function hasRows(text: string): boolean {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '');
  return lines.length > 1 || /^[[{]/.test(text.trimStart());
}
