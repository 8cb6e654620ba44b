/** One of a few values, in a field for itself or in a row with its label. */
import React from 'react';

/** What the field shows. */
export interface IChoiceProps<T extends string> {
  /** What can be chosen: each value, and what people read. */
  choices: readonly (readonly [value: T, label: string])[];
  /** What is chosen. */
  value: T;
  /** Told of another choice. */
  onChange: (value: T) => void;
}

/**
 * A field in which one value is chosen, where no label stands beside it.
 *
 * @param props - what can be chosen, who is told of it, and what the field is called.
 */
export function Choice<T extends string>(
  props: IChoiceProps<T> & { label?: string }
): JSX.Element {
  return (
    <select
      className="jp-mod-styled"
      aria-label={props.label}
      value={props.value}
      onChange={event => props.onChange(event.target.value as T)}
    >
      {props.choices.map(([value, label]) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}

/**
 * The same with its label before it.
 *
 * @param props - what can be chosen, who is told of it, and the label.
 */
export function ChoiceRow<T extends string>({
  label,
  ...props
}: IChoiceProps<T> & { label: string }): JSX.Element {
  return (
    <label>
      <span>{label}</span>
      <Choice {...props} />
    </label>
  );
}
