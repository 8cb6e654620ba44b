/**
 * What of the table shows, and taking it away as a file.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { valueOf } from './columns';
import type { CompareModel } from './comparemodel';
import { toCsv } from './csv';
import type { ICompareActions } from './header';
import { Button } from './header';

/** What the tools act on. */
export interface ITableToolsProps {
  model: CompareModel;
  actions: ICompareActions;
  trans: TranslationBundle;
}

/**
 * The line above the table.
 *
 * @param props - what it acts on.
 */
export function TableTools(props: ITableToolsProps): JSX.Element {
  const { actions, model, trans } = props;
  return (
    <div className="jp-Compare-tools">
      <label>
        <input
          type="checkbox"
          checked={model.isBrief}
          onChange={event => (model.isBrief = event.target.checked)}
        />
        {trans.__('Only what differs')}
      </label>
      <ColumnChoice {...props} />
      <Button onClick={() => actions.download('comparison.csv', csvOf(model))}>
        {trans.__('Download CSV')}
      </Button>
      <span className="jp-Compare-gapfill" />
      <span className="jp-Compare-note" role="status">
        {model.selected.length > 0 &&
          trans.__('%1 selected', model.selected.length)}
      </span>
      {model.selected.length > 0 && (
        <Button onClick={() => model.selectOnly([])}>
          {trans.__('Clear selection')}
        </Button>
      )}
    </div>
  );
}

function ColumnChoice({ model, trans }: ITableToolsProps): JSX.Element {
  const node = React.useRef<HTMLDetailsElement>(null);
  const close = (event: React.FocusEvent | React.KeyboardEvent): void => {
    if (node.current !== null) {
      node.current.open = false;
      event.stopPropagation();
    }
  };
  const columns = model.columns.filter(({ kind }) => kind !== 'number');
  return (
    <details
      ref={node}
      className="jp-Compare-columns"
      onBlur={event => {
        if (!event.currentTarget.contains(event.relatedTarget)) {
          close(event);
        }
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          node.current?.querySelector('summary')?.focus();
          close(event);
        }
      }}
    >
      <summary className="jp-Compare-button">{trans.__('Columns')}</summary>
      <div
        className="jp-Compare-popup"
        role="group"
        aria-label={trans.__('Columns')}
        tabIndex={-1}
      >
        {columns.map(({ id, label }) => (
          <label key={id} title={label}>
            <input
              type="checkbox"
              checked={!model.isHidden(id)}
              onChange={event => model.hide(id, !event.target.checked)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </details>
  );
}

/**
 * The table as it shows: its columns, its order, its values in full.
 *
 * @param model - the comparison.
 */
export function csvOf(model: CompareModel): string {
  const columns = model.shownColumns;
  const now = model.now();
  const rows = model.selected.length > 0 ? model.selected : model.rows;
  return toCsv([
    // Own columns are named as in the REST interface, whatever the language.
    columns.map(({ id, kind, label }) =>
      kind === 'duration' ? 'duration_s' : id === kind ? kind : label
    ),
    ...rows.map(row => columns.map(column => valueOf(row, column, now)))
  ]);
}
