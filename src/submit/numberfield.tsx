/** A whole number of at least one. */
import React from 'react';

/** What the field shows. */
export interface INumberFieldProps {
  /** The number; null while there is none. */
  value: number | null;
  /** What it is called, where no label stands beside it. */
  label?: string;
  /** What no number means. */
  placeholder?: string;
  /** Told of another number; of null where it is none. */
  onChange: (value: number | null) => void;
}

/**
 * A field for a whole number of at least one.
 *
 * @param props - the number, and who is told of another.
 */
export function NumberField(props: INumberFieldProps): JSX.Element {
  return (
    <input
      className="jp-mod-styled"
      type="number"
      min={1}
      aria-label={props.label}
      placeholder={props.placeholder}
      value={props.value ?? ''}
      onChange={event => {
        const value = Math.floor(Number(event.target.value));
        props.onChange(value >= 1 ? value : null);
      }}
    />
  );
}
