/** Rows of values for several parameters at once, in the form: pasted, typed or from a file. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { FormModel } from './formmodel';

/** What the table needs. */
export interface ITableFieldProps {
  /** The state of the form. */
  model: FormModel;
  /** Whether files can be looked for. */
  canBrowse: boolean;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * The text of a table, and where to find one; the server reads it.
 *
 * @param props - the state and the words.
 */
export function TableField(props: ITableFieldProps): JSX.Element {
  const { canBrowse, model, trans } = props;
  const text = model.table ?? '';
  return (
    <fieldset className="jp-ParametersForm-table" disabled={model.isBusy}>
      <legend>{trans.__('Values from a table')}</legend>
      <textarea
        className="jp-mod-styled jp-ParametersForm-text"
        aria-label={trans.__('Values from a table')}
        title={trans.__(
          'CSV with the names of parameters in its first line, or a list of objects as JSON; one execution per row'
        )}
        placeholder={trans.__('learning_rate, hidden\n0.1, 32\n0.01, 64')}
        spellCheck={false}
        rows={Math.min(8, Math.max(4, text.split('\n').length))}
        value={text}
        onChange={event => {
          model.table = event.target.value;
        }}
      />
      <div className="jp-ParametersForm-bar">
        {canBrowse && (
          <button
            type="button"
            className="jp-Button jp-mod-styled jp-mod-minimal"
            data-wish="table"
            onClick={() => {
              model.wish = { for: 'table' };
            }}
          >
            {trans.__('Choose a file…')}
          </button>
        )}
        <button
          type="button"
          className="jp-Button jp-mod-styled jp-mod-minimal"
          onClick={() => {
            model.table = null;
          }}
        >
          {trans.__('No table')}
        </button>
      </div>
    </fieldset>
  );
}
