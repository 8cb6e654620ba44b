/** A button of the receipt. */
import React from 'react';

/**
 * Text that can be clicked.
 *
 * @param props - What it does and says; whether what it unfolds is open, if it does.
 */
export function Action(props: {
  onClick: () => void;
  isOpen?: boolean;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Button jp-mod-styled jp-mod-minimal jp-Receipt-action"
      aria-expanded={props.isOpen}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}
