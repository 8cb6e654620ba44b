/** The fields of the parameter form, labelled for screen readers. */
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type {
  RegistryWidgetsType,
  WidgetProps as RJSFWidgetProps
} from '@rjsf/utils';
import { folderIcon, listIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

type WidgetProps = RJSFWidgetProps<ReadonlyJSONObject>;

/** What fields know of the form they stand in. */
export interface IFieldContext {
  /** Keys of the fields that take several values. */
  several: ReadonlySet<string>;

  /** Let a field take several values, or no longer; left out where none can. */
  setSeveral?: (key: string, isSeveral: boolean) => void;

  /** Look for the file that a path names; left out where nobody can. */
  choosePath?: (key: string) => void;

  /** The words. */
  trans: TranslationBundle;
}

/** A field, and beside it the ways to a file and to several values. */
function WithButtons(
  props: WidgetProps & { children: JSX.Element }
): JSX.Element {
  const context = props.formContext as IFieldContext | undefined;
  const { setSeveral, several, trans } = context ?? {};
  const choosePath =
    props.options.path === true ? context?.choosePath : undefined;
  if (trans === undefined || (!setSeveral && !choosePath)) {
    return props.children;
  }
  // Ids are made from keys.
  const key = props.id.split('_').pop() ?? '';
  const isOn = several?.has(key) ?? false;
  const label = isOn ? trans.__('One value') : trans.__('Several values…');
  return (
    <div className="jp-ParametersForm-several">
      {props.children}
      {choosePath && !isOn && (
        <button
          type="button"
          title={trans.__('Choose a file…')}
          aria-label={trans.__(
            '%1: %2',
            props.label,
            trans.__('choose a file')
          )}
          data-wish={key}
          disabled={props.disabled}
          onClick={() => choosePath(key)}
        >
          <folderIcon.react tag="span" elementPosition="center" />
        </button>
      )}
      {setSeveral && (
        <button
          type="button"
          title={label}
          aria-label={trans.__(
            '%1: %2',
            props.label,
            trans.__('several values')
          )}
          aria-pressed={isOn}
          disabled={props.disabled}
          onClick={() => setSeveral(key, !isOn)}
        >
          <listIcon.react tag="span" elementPosition="center" />
        </button>
      )}
    </div>
  );
}

/** Attributes that every field has. */
function common(
  props: WidgetProps
): React.InputHTMLAttributes<HTMLInputElement> &
  React.TextareaHTMLAttributes<HTMLTextAreaElement> &
  React.SelectHTMLAttributes<HTMLSelectElement> {
  const isInvalid = (props.rawErrors?.length ?? 0) > 0;
  return {
    id: props.id,
    // JupyterLab's template shows the name as a heading, not as a label.
    'aria-label': props.label,
    'aria-invalid': isInvalid,
    'aria-describedby': isInvalid ? `${props.id}__error` : undefined,
    title: props.schema.description,
    disabled: props.disabled
  };
}

function LineField(props: WidgetProps): JSX.Element {
  return (
    <input
      {...common(props)}
      className="jp-mod-styled jp-ParametersForm-line"
      type="text"
      spellCheck={false}
      autoComplete="off"
      placeholder={props.placeholder}
      value={String(props.value ?? '')}
      onChange={event => props.onChange(event.target.value)}
    />
  );
}

function SecretField(props: WidgetProps): JSX.Element {
  return (
    <input
      {...common(props)}
      className="jp-mod-styled jp-ParametersForm-line"
      type="password"
      autoComplete="new-password"
      placeholder={props.placeholder}
      value={String(props.value ?? '')}
      onChange={event => props.onChange(event.target.value)}
    />
  );
}

function TextField(props: WidgetProps): JSX.Element {
  const text = String(props.value ?? '');
  return (
    <textarea
      {...common(props)}
      className="jp-mod-styled jp-ParametersForm-text"
      spellCheck={false}
      rows={Math.min(6, Math.max(2, text.split('\n').length))}
      placeholder={props.placeholder}
      value={text}
      onChange={event => props.onChange(event.target.value)}
    />
  );
}

function CheckboxField(props: WidgetProps): JSX.Element {
  return (
    <input
      {...common(props)}
      type="checkbox"
      checked={props.value === true}
      onChange={event => props.onChange(event.target.checked)}
    />
  );
}

function ChoiceField(props: WidgetProps): JSX.Element {
  return (
    <select
      {...common(props)}
      className="jp-mod-styled jp-ParametersForm-choice"
      value={String(props.value ?? '')}
      onChange={event => props.onChange(event.target.value)}
    >
      {(props.options.enumOptions ?? []).map(option => (
        <option key={String(option.value)} value={String(option.value)}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

/** The place of a field whose values stand in a table. */
function CoveredField(props: WidgetProps): JSX.Element {
  return (
    <div className="jp-ParametersForm-several">
      <input
        {...common(props)}
        className="jp-mod-styled jp-ParametersForm-line"
        type="text"
        placeholder={props.placeholder}
        value=""
        disabled
        readOnly
      />
    </div>
  );
}

/** Put the ways to a file and to several values beside a field. */
function withButtons(
  Field: (props: WidgetProps) => JSX.Element
): (props: WidgetProps) => JSX.Element {
  return props => (
    <WithButtons {...props}>
      <Field {...props} />
    </WithButtons>
  );
}

/** The fields by the name that a schema calls them. */
export const fieldWidgets: RegistryWidgetsType<ReadonlyJSONObject> = {
  line: withButtons(LineField),
  several: withButtons(LineField),
  covered: CoveredField,
  secret: SecretField,
  text: withButtons(TextField),
  checkbox: withButtons(CheckboxField),
  choice: withButtons(ChoiceField)
};
