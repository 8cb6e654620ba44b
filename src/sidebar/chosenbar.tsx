/**
 * What can be done with several rows that were chosen together.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/**
 * A line above the list while rows are chosen.
 *
 * @param props - how many, and what can be done.
 */
export function ChosenBar(props: {
  n: number;
  onCompare: () => void;
  onClear: () => void;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { n, onClear, onCompare, trans } = props;
  return n === 0 ? null : (
    <div className="jp-ExecutionsPanel-chosen">
      <span role="status">{trans.__('%1 selected', n)}</span>
      <button
        type="button"
        className="jp-ExecutionsPanel-together"
        disabled={n < 2}
        onClick={onCompare}
      >
        {trans.__('Compare')}
      </button>
      <button
        type="button"
        className="jp-ExecutionsPanel-together"
        onClick={onClear}
      >
        {trans.__('Clear')}
      </button>
    </div>
  );
}
