/** From declared parameters to JupyterLab's form component, and back. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONValue, ReadonlyJSONObject } from '@lumino/coreutils';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';

import type { Parameter, ParameterList, Parameters } from '../api/types';
import type { FieldValue, FormData } from './values';
import {
  choiceFields,
  defaultField,
  fieldKind,
  isDefault,
  isHidden,
  readAny,
  readField,
  toField
} from './values';
import type { Varied } from './varied';
import { fieldKey } from './varied';

/** No field varies. */
const NOTHING = { covered: new Set<string>(), several: new Set<string>() };

/** How the fields look. */
export type FieldsUiSchema = UiSchema<ReadonlyJSONObject>;

/** A name and a value for which the notebook declares nothing. */
export interface IExtraRow {
  name: string;
  value: string;
}

/** The values of a form, or why there are none. */
export interface IFormReading {
  /** What differs from the defaults. */
  readonly changed: Parameters;
  /** Sentences by key of the schema, for fields that cannot be understood. */
  readonly problems: Record<string, string>;
  /** The same for fields that are still empty. */
  readonly missing: Record<string, string>;
  /** Sentences by index of the extra row. */
  readonly extraProblems: Record<number, string>;
}

/**
 * Describe the fields.
 *
 * @param parameters - The declarations.
 * @param trans - For the words of a choice.
 * @param varied - Which fields take several values, and which a table covers.
 */
export function makeSchema(
  parameters: readonly Parameter[],
  trans: TranslationBundle,
  varied: Pick<Varied, 'covered' | 'several'> = NOTHING
): { schema: RJSFSchema; uiSchema: FieldsUiSchema } {
  const properties: Record<string, RJSFSchema> = {};
  const uiSchema: FieldsUiSchema = {};
  const { covered, several } = varied;
  parameters.forEach((parameter, index) => {
    const key = fieldKey(index);
    const kind = covered.has(key)
      ? 'covered'
      : several.has(key)
        ? 'several'
        : fieldKind(parameter);
    properties[key] = {
      type: kind === 'checkbox' ? 'boolean' : 'string',
      title: parameter.name,
      description: describe(parameter, trans)
    };
    uiSchema[key] = {
      'ui:widget': kind,
      'ui:emptyValue': '',
      'ui:options': { path: parameter.path === true },
      'ui:placeholder':
        kind === 'several'
          ? trans.__('0.1, 0.01 or 1..5 or linspace(0, 1, 5)')
          : kind === 'covered'
            ? trans.__('as in the table')
            : placeholder(parameter, trans)
    };
    if (kind === 'choice') {
      const fields = choiceFields(parameter);
      properties[key].enum = fields;
      uiSchema[key]['ui:enumNames'] = fields.map(field =>
        choiceLabel(parameter, field, trans)
      );
    }
  });
  return { schema: { type: 'object', properties }, uiSchema };
}

/**
 * Fill the fields.
 *
 * @param parameters - The declarations.
 * @param values - Values to show in place of the defaults.
 */
export function fillForm(
  parameters: readonly Parameter[],
  values: Parameters = {}
): FormData {
  return Object.fromEntries(
    parameters.map((parameter, index) => [
      fieldKey(index),
      Object.prototype.hasOwnProperty.call(values, parameter.name)
        ? fieldFor(parameter, values[parameter.name] as PartialJSONValue)
        : defaultField(parameter)
    ])
  );
}

function fieldFor(parameter: Parameter, value: PartialJSONValue): FieldValue {
  if (isHidden(value) || isDefault(parameter, value)) {
    return defaultField(parameter);
  }
  const field = toField(parameter, value);
  // What a list does not offer any more cannot stand in it.
  return fieldKind(parameter) !== 'choice' ||
    choiceFields(parameter).includes(String(field))
    ? field
    : defaultField(parameter);
}

/**
 * Find the secrets among the values that have to be entered again.
 *
 * @param parameters - The declarations.
 * @param values - Values of an execution, whose secrets were not kept.
 * @returns The keys of their fields.
 */
export function lostSecrets(
  parameters: readonly Parameter[],
  values: Parameters
): string[] {
  return parameters.flatMap(({ name }, index) =>
    isHidden(values[name]) ? [fieldKey(index)] : []
  );
}

/**
 * Say what the defaults are, for the line below a field that was changed.
 *
 * @param parameters - The declarations.
 * @param data - What stands in the fields.
 * @param trans - The words.
 *
 * #### Notes
 * JupyterLab's form component takes a field for changed when it differs from
 * this. An empty field is the default in its own way, so words stand in for it
 * only while the field is not empty.
 */
export function describeDefaults(
  parameters: readonly Parameter[],
  data: FormData,
  trans: TranslationBundle
): Record<string, FieldValue | undefined> {
  return Object.fromEntries(
    parameters.map((parameter, index) => {
      const key = fieldKey(index);
      const field = defaultField(parameter);
      if (field !== '' || (data[key] ?? '') === '') {
        return [key, field];
      }
      const isText = parameter.type === 'str' && !parameter.nullable;
      return [
        key,
        parameter.required
          ? undefined
          : placeholder(parameter, trans) || (isText ? '""' : field)
      ];
    })
  );
}

/**
 * List the values that belong to no declared parameter, as rows.
 *
 * @param list - The declarations.
 * @param values - Values of an execution.
 */
export function fillRows(list: ParameterList, values: Parameters): IExtraRow[] {
  const declared = new Set(list.parameters.map(({ name }) => name));
  return Object.entries(values)
    .filter(([name]) => !declared.has(name))
    .map(([name, value]) => ({
      name,
      value: isHidden(value)
        ? ''
        : typeof value === 'string' && typeof readAny(value) === 'string'
          ? value
          : JSON.stringify(value)
    }));
}

/**
 * Whether names may be given that the notebook does not declare.
 *
 * @param list - The declarations.
 */
export function allowsRows(list: ParameterList): boolean {
  return !list.typed || list.parameters.length === 0;
}

/**
 * Read the form.
 *
 * @param parameters - The declarations.
 * @param data - What stands in the fields.
 * @param rows - The extra rows.
 * @param trans - For sentences.
 * @param varied - Keys of the fields that hold no single value.
 */
export function readForm(
  parameters: readonly Parameter[],
  data: FormData,
  rows: readonly IExtraRow[],
  trans: TranslationBundle,
  varied: ReadonlySet<string> = new Set()
): IFormReading {
  const changed: Parameters = {};
  const problems: Record<string, string> = {};
  const missing: Record<string, string> = {};
  parameters.forEach((parameter, index) => {
    const key = fieldKey(index);
    if (varied.has(key)) {
      return;
    }
    const reading = readField(parameter, data[key], trans);
    switch (reading.type) {
      case 'value':
        if (!isDefault(parameter, reading.value)) {
          changed[parameter.name] = reading.value;
        }
        break;
      case 'problem':
        problems[key] = reading.message;
        break;
      case 'missing':
        missing[key] = reading.message;
        break;
      case 'none':
        break;
    }
  });
  const extraProblems: Record<number, string> = {};
  const names = new Set(parameters.map(({ name }) => name));
  rows.forEach((row, index) => {
    const name = row.name.trim();
    if (name === '') {
      if (row.value.trim() !== '') {
        extraProblems[index] = trans.__('Enter a name.');
      }
      return;
    }
    if (names.has(name)) {
      extraProblems[index] = trans.__('This name is there twice.');
      return;
    }
    names.add(name);
    changed[name] = readAny(row.value);
  });
  return { changed, problems, missing, extraProblems };
}

function describe(parameter: Parameter, trans: TranslationBundle): string {
  const kind =
    parameter.annotation ??
    (parameter.type === 'any' || parameter.type === 'none'
      ? trans.__('JSON, or else text')
      : parameter.path
        ? trans.__('path')
        : parameter.type);
  return parameter.comment ? `${parameter.comment} (${kind})` : kind;
}

/** What a choice is called. */
function choiceLabel(
  parameter: Parameter,
  field: string,
  trans: TranslationBundle
): string {
  if (field === '') {
    return placeholder(parameter, trans);
  }
  if (parameter.type === 'bool') {
    return field === 'true' ? trans.__('True') : trans.__('False');
  }
  return field;
}

/** What an empty field means. */
function placeholder(parameter: Parameter, trans: TranslationBundle): string {
  if (parameter.computed) {
    return parameter.default_source ?? trans.__('computed by the notebook');
  }
  if (parameter.nullable || parameter.type === 'none') {
    return 'None';
  }
  return parameter.required ? trans.__('needs a value') : '';
}
