/** The fields of the parameter form, labelled for screen readers. */
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type {
  RegistryWidgetsType,
  WidgetProps as RJSFWidgetProps
} from '@rjsf/utils';
import React from 'react';

type WidgetProps = RJSFWidgetProps<ReadonlyJSONObject>;

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

/** The fields by the name that a schema calls them. */
export const fieldWidgets: RegistryWidgetsType<ReadonlyJSONObject> = {
  line: LineField,
  secret: SecretField,
  text: TextField,
  checkbox: CheckboxField,
  choice: ChoiceField
};
