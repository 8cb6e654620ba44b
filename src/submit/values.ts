/** Between parameter values and what stands in a field: pure functions. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { PartialJSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import type { Parameter } from '../api/types';

/** What stands in a field. */
export type FieldValue = string | boolean;

/** What stands in the fields, by key of the schema. */
export type FormData = Record<string, FieldValue>;

/** What a field means. */
export type Reading =
  /** A value to run with. */
  | { readonly type: 'value'; readonly value: PartialJSONValue }
  /** Nothing: the notebook's own default is used. */
  | { readonly type: 'none' }
  /** Not understood; the sentence says what would be. */
  | { readonly type: 'problem'; readonly message: string }
  /** Empty, although the notebook has no default. */
  | { readonly type: 'missing'; readonly message: string };

/** How a parameter is asked for. */
export type FieldKind = 'checkbox' | 'choice' | 'line' | 'secret' | 'text';

/**
 * Choose how to ask for a parameter.
 *
 * @param parameter - The declaration.
 */
export function fieldKind(parameter: Parameter): FieldKind {
  if (parameter.secret && parameter.type !== 'bool') {
    return 'secret';
  }
  if (parameter.choices) {
    return 'choice';
  }
  switch (parameter.type) {
    case 'bool':
      return parameter.nullable || typeof parameter.default !== 'boolean'
        ? 'choice'
        : 'checkbox';
    case 'list':
    case 'dict':
      return 'text';
    case 'str':
      return String(parameter.default ?? '').includes('\n') ? 'text' : 'line';
    case 'int':
    case 'float':
    case 'none':
    case 'any':
      return 'line';
  }
}

/**
 * Write a value into a field.
 *
 * @param parameter - The declaration.
 * @param value - A JSON value; undefined for an empty field.
 */
export function toField(
  parameter: Parameter,
  value: PartialJSONValue | undefined
): FieldValue {
  if (fieldKind(parameter) === 'checkbox') {
    return value === true;
  }
  if (value === undefined) {
    return '';
  }
  if (typeof value !== 'string') {
    return value === null && isNullable(parameter) ? '' : JSON.stringify(value);
  }
  // Quotes tell an empty string from None, and the text "1" from the number.
  const isPlain =
    parameter.type === 'str'
      ? !(value === '' && isNullable(parameter)) && !isQuoted(value)
      : parameter.type === 'any' || parameter.type === 'none'
        ? value !== '' && parseJSON(value) === undefined
        : false;
  return isPlain ? value : JSON.stringify(value);
}

/**
 * List what a parameter can be chosen from, as it stands in a field.
 *
 * @param parameter - The declaration.
 * @returns The default first, should it be none of the choices; last an empty
 *   field where that means something.
 */
export function choiceFields(parameter: Parameter): string[] {
  const choices = parameter.choices ?? [true, false];
  const fields = (choices as PartialJSONValue[]).map(choice =>
    String(
      isDefault(parameter, choice)
        ? defaultField(parameter)
        : toField(parameter, choice)
    )
  );
  const own = String(defaultField(parameter));
  const isEmptyOffered = !parameter.choices || isNullable(parameter);
  return [
    ...(own === '' || fields.includes(own) ? [] : [own]),
    ...fields,
    ...(own === '' || isEmptyOffered ? [''] : [])
  ];
}

/**
 * Write the default of a parameter into a field.
 *
 * @param parameter - The declaration.
 * @returns Numbers as the notebook writes them (`1e-3`); nothing for a
 *   computed or missing default.
 */
export function defaultField(parameter: Parameter): FieldValue {
  if (parameter.computed || parameter.required) {
    return '';
  }
  const source = parameter.default_source?.trim();
  if (source && (parameter.type === 'int' || parameter.type === 'float')) {
    const reading = readNumber(source);
    if (reading !== null && reading === parameter.default) {
      return source;
    }
  }
  return toField(parameter, parameter.default as PartialJSONValue);
}

/**
 * Read a field.
 *
 * @param parameter - The declaration.
 * @param field - What stands in it.
 * @param trans - For the sentence when it cannot be understood.
 */
export function readField(
  parameter: Parameter,
  field: FieldValue | undefined,
  trans: TranslationBundle
): Reading {
  const reading = readTyped(parameter, field, trans);
  return reading.type !== 'value' ||
    isDefault(parameter, reading.value) ||
    fits(parameter, reading.value)
    ? reading
    : problem(trans.__('This must be %1.', parameter.wanted ?? ''));
}

/** Whether a value is one of the choices, or in the range. */
function fits(parameter: Parameter, value: PartialJSONValue): boolean {
  if (value === null && isNullable(parameter)) {
    return true;
  }
  if (parameter.choices) {
    return parameter.choices.some(choice =>
      JSONExt.deepEqual(choice as PartialJSONValue, value)
    );
  }
  const { minimum, maximum, exclusive_minimum, exclusive_maximum } = parameter;
  if ((minimum ?? maximum ?? null) === null) {
    return true;
  }
  return (
    typeof value === 'number' &&
    !(typeof minimum === 'number' && value < minimum) &&
    !(typeof maximum === 'number' && value > maximum) &&
    !(exclusive_minimum && value === minimum) &&
    !(exclusive_maximum && value === maximum)
  );
}

function readTyped(
  parameter: Parameter,
  field: FieldValue | undefined,
  trans: TranslationBundle
): Reading {
  if (typeof field === 'boolean') {
    return { type: 'value', value: field };
  }
  const text = (field ?? '').trim();
  if (text === '') {
    return readEmpty(parameter, field ?? '', trans);
  }
  if (isNullable(parameter) && /^(None|null)$/.test(text)) {
    return { type: 'value', value: null };
  }
  switch (parameter.type) {
    case 'int':
      return readInt(text, trans);
    case 'float': {
      const number = readNumber(text);
      return number === null
        ? problem(trans.__('Enter a number, such as 0.01 or 1e-3.'))
        : { type: 'value', value: number };
    }
    case 'bool':
      return /^(true|false)$/i.test(text)
        ? { type: 'value', value: text.toLowerCase() === 'true' }
        : problem(trans.__('Choose True or False.'));
    case 'list':
    case 'dict':
      return readCollection(parameter.type, text, trans);
    case 'str':
      return { type: 'value', value: unquoted(field as string) };
    case 'none':
    case 'any':
      return { type: 'value', value: readAny(text) };
  }
}

/**
 * Whether this is what a record holds in place of a secret.
 *
 * @param value - A value of an execution's parameters.
 */
export function isHidden(value: unknown): boolean {
  return typeof value === 'string' && /^\*\*\* [0-9a-f]{8}$/.test(value);
}

/**
 * Read a value whose type nobody knows.
 *
 * @param text - JSON, or else plain text.
 */
export function readAny(text: string): PartialJSONValue {
  switch (text.trim()) {
    case 'None':
      return null;
    case 'True':
      return true;
    case 'False':
      return false;
    default: {
      const value = parseJSON(text);
      return value === undefined ? text : value;
    }
  }
}

/**
 * Whether a value is the one the notebook has anyway.
 *
 * @param parameter - The declaration.
 * @param value - The value to run with.
 */
export function isDefault(
  parameter: Parameter,
  value: PartialJSONValue
): boolean {
  return (
    !parameter.computed &&
    !parameter.required &&
    JSONExt.deepEqual(value, (parameter.default ?? null) as PartialJSONValue)
  );
}

function readEmpty(
  parameter: Parameter,
  field: string,
  trans: TranslationBundle
): Reading {
  if (parameter.computed) {
    return { type: 'none' };
  }
  if (isNullable(parameter)) {
    return { type: 'value', value: null };
  }
  if (parameter.type === 'str' && !parameter.required) {
    return { type: 'value', value: field };
  }
  return parameter.required
    ? { type: 'missing', message: trans.__('Enter a value.') }
    : problem(trans.__('Enter a value, or reset to the default.'));
}

function readInt(text: string, trans: TranslationBundle): Reading {
  if (!/^[+-]?\d(?:_?\d)*$/.test(text)) {
    return problem(trans.__('Enter a whole number.'));
  }
  const value = Number(text.replace(/_/g, ''));
  return Number.isSafeInteger(value)
    ? { type: 'value', value }
    : problem(
        trans.__('This number is too large to be sent exactly by a browser.')
      );
}

function readNumber(text: string): number | null {
  if (!/^[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d+)?$/i.test(text)) {
    return null;
  }
  const value = Number(text.replace(/_/g, ''));
  return Number.isFinite(value) ? value : null;
}

function readCollection(
  type: 'list' | 'dict',
  text: string,
  trans: TranslationBundle
): Reading {
  const value = parseJSON(text);
  const fits =
    type === 'list'
      ? Array.isArray(value)
      : typeof value === 'object' && value !== null && !Array.isArray(value);
  if (fits && value !== undefined) {
    return { type: 'value', value };
  }
  return problem(
    type === 'list'
      ? trans.__('Enter a list as JSON, such as [1, 2].')
      : trans.__('Enter an object as JSON, such as {"a": 1}.')
  );
}

function problem(message: string): Reading {
  return { type: 'problem', message };
}

/** `None` as default is all the notebook says of its type. */
function isNullable(parameter: Parameter): boolean {
  return parameter.nullable === true || parameter.type === 'none';
}

function isQuoted(text: string): boolean {
  return /^".*"$/s.test(text.trim());
}

function unquoted(text: string): string {
  const value = isQuoted(text) ? parseJSON(text.trim()) : undefined;
  return typeof value === 'string' ? value : text;
}

function parseJSON(text: string): PartialJSONValue | undefined {
  try {
    return JSON.parse(text) as PartialJSONValue;
  } catch {
    return undefined;
  }
}
