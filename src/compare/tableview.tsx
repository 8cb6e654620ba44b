/**
 * The table: a row for each execution; only the rows that show are in the document.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ComparedRow } from '../api/types';
import { statusIcons } from '../icons';
import type { ICompareColumn } from './columns';
import { labelOf, parametersOf, plainLabel } from './columns';
import type { CompareModel } from './comparemodel';

/** Height of a row in pixels; style/comparetable.css has the same number. */
const ROW_HEIGHT = 28;

/** Rows drawn above and below, so that scrolling shows no gaps. */
const OVERSCAN = 12;

/** Widths of columns, in characters. */
const NARROWEST = 6;
const WIDEST = 28;

/** What the table shows. */
export interface ITableProps {
  /** The executions. */
  model: CompareModel;

  /** Open the result of an execution. */
  open: (id: string) => void;

  /** The words. */
  trans: TranslationBundle;
}

/**
 * The table of executions.
 *
 * @param props - what it shows.
 */
export function TableView(props: ITableProps): JSX.Element {
  const { model, trans } = props;
  const { rows, shownColumns } = model;
  const node = React.useRef<HTMLDivElement>(null);
  const { first, end, onScroll } = useWindow(node, rows.length);
  const lastClicked = React.useRef<string | null>(null);
  const best = model.ranked[0]?.id ?? null;
  const now = model.now();
  const label = (row: ComparedRow, column: ICompareColumn): string =>
    labelOf(row, column, now, trans);
  const widths = shownColumns.map(column =>
    widthOf(
      column,
      rows,
      column.kind === 'metric' && model.goal?.metric === column.label,
      row => label(row, column)
    )
  );
  const toggle = (
    row: ComparedRow,
    isSelected: boolean,
    extend: boolean
  ): void => {
    const from = rows.findIndex(({ id }) => id === lastClicked.current);
    const to = rows.indexOf(row);
    const range =
      extend && from !== -1
        ? rows.slice(Math.min(from, to), Math.max(from, to) + 1)
        : [row];
    lastClicked.current = row.id;
    model.select(
      range.map(({ id }) => id),
      isSelected
    );
  };
  return (
    <div
      ref={node}
      className="jp-Compare-scroller"
      // So that it can be scrolled by keyboard.
      tabIndex={0}
      role="region"
      aria-label={trans.__('Table')}
      onScroll={onScroll}
    >
      <table
        className="jp-Compare-table"
        aria-label={trans.__('Executions')}
        aria-rowcount={rows.length + 1}
      >
        <colgroup>
          <col className="jp-Compare-check" />
          {widths.map((width, index) => (
            <col key={index} style={{ width: `calc(${width}ch + 20px)` }} />
          ))}
        </colgroup>
        <Head {...props} columns={shownColumns} />
        <tbody>
          <Gap rows={first} columns={shownColumns.length + 1} />
          {rows.slice(first, end).map((row, index) => (
            <tr
              key={row.id}
              aria-rowindex={first + index + 2}
              data-execution-number={row.number}
              className={[
                model.isSelected(row.id) ? 'jp-mod-selected' : '',
                row.id === best ? 'jp-mod-best' : ''
              ].join(' ')}
            >
              <td className="jp-Compare-check">
                <input
                  type="checkbox"
                  aria-label={trans.__('Select #%1', row.number)}
                  checked={model.isSelected(row.id)}
                  // Where it was clicked from is known to this event only.
                  onClick={event =>
                    toggle(row, event.currentTarget.checked, event.shiftKey)
                  }
                  onChange={() => undefined}
                />
              </td>
              {shownColumns.map(column => (
                <Cell
                  {...props}
                  key={column.id}
                  column={column}
                  row={row}
                  text={label(row, column)}
                  isBest={row.id === best}
                />
              ))}
            </tr>
          ))}
          <Gap rows={rows.length - end} columns={shownColumns.length + 1} />
        </tbody>
      </table>
    </div>
  );
}

function Head(
  props: ITableProps & { columns: readonly ICompareColumn[] }
): JSX.Element {
  const { columns, model, trans } = props;
  const { order, rows } = model;
  const nSelected = model.selected.length;
  const all = React.useRef<HTMLInputElement>(null);
  React.useLayoutEffect(() => {
    if (all.current !== null) {
      all.current.indeterminate = nSelected > 0 && nSelected < rows.length;
    }
  });
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" className="jp-Compare-check">
          <input
            ref={all}
            type="checkbox"
            aria-label={trans.__('Select all')}
            checked={rows.length > 0 && nSelected === rows.length}
            onChange={event =>
              model.selectOnly(
                event.target.checked ? rows.map(({ id }) => id) : []
              )
            }
          />
        </th>
        {columns.map(column => (
          <th
            key={column.id}
            scope="col"
            className={`jp-mod-${column.kind}`}
            aria-sort={
              order.column !== column.id
                ? undefined
                : order.isDescending
                  ? 'descending'
                  : 'ascending'
            }
          >
            <button
              type="button"
              title={column.label}
              onClick={() =>
                (model.order = {
                  column: column.id,
                  isDescending:
                    order.column === column.id
                      ? !order.isDescending
                      : startsDescending(column, model)
                })
              }
            >
              <span className="jp-Compare-name">{column.label}</span>
              {column.kind === 'metric' &&
                model.goal?.metric === column.label && (
                  <span className="jp-Compare-goal" aria-hidden="true">
                    {model.goal.direction === 'maximise' ? '↑' : '↓'}
                  </span>
                )}
              {order.column === column.id && (
                <span className="jp-Compare-arrow" aria-hidden="true">
                  {order.isDescending ? '▾' : '▴'}
                </span>
              )}
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Cell(
  props: ITableProps & {
    column: ICompareColumn;
    row: ComparedRow;
    text: string;
    isBest: boolean;
  }
): JSX.Element {
  const { column, isBest, model, open, row, text, trans } = props;
  const className = `jp-mod-${column.kind}`;
  switch (column.kind) {
    case 'number':
      return (
        <th scope="row" className={className}>
          <button
            type="button"
            className="jp-Compare-link"
            title={trans.__('Open the result of #%1', row.number)}
            onClick={() => open(row.id)}
          >
            {text}
          </button>
        </th>
      );
    case 'status': {
      const Icon = statusIcons[row.status].react;
      return (
        <td className={`${className} jp-mod-${row.status}`}>
          <Icon tag="span" className="jp-Compare-icon" aria-hidden />
          {text}
        </td>
      );
    }
    case 'metric': {
      const isGoal = model.goal?.metric === column.label;
      return (
        <td
          className={isGoal ? `${className} jp-mod-goal` : className}
          title={String(row.metrics[column.label] ?? '')}
        >
          {isGoal && isBest && (
            <span className="jp-Compare-best">{trans.__('best')}</span>
          )}
          {text}
        </td>
      );
    }
    case 'title':
    case 'parameter':
    case 'duration':
      return (
        <td
          className={className}
          title={
            column.kind === 'parameter'
              ? plainLabel(parametersOf(row)[column.label] ?? '')
              : text
          }
        >
          {text}
        </td>
      );
  }
}

function Gap(props: { rows: number; columns: number }): JSX.Element | null {
  return props.rows <= 0 ? null : (
    <tr aria-hidden="true">
      <td
        className="jp-Compare-gap"
        colSpan={props.columns}
        style={{ height: props.rows * ROW_HEIGHT }}
      />
    </tr>
  );
}

/** The better end of the metric that counts comes first. */
function startsDescending(
  column: ICompareColumn,
  model: CompareModel
): boolean {
  return (
    column.kind === 'metric' &&
    model.goal?.metric === column.label &&
    model.goal.direction === 'maximise'
  );
}

/** As wide as the longest text, so that scrolling changes nothing. */
function widthOf(
  column: ICompareColumn,
  rows: readonly ComparedRow[],
  isGoal: boolean,
  label: (row: ComparedRow) => string
): number {
  // An icon and the word "best" take some room.
  const extra = isGoal ? 5 : column.kind === 'status' ? 3 : 0;
  const longest = rows.reduce(
    (most, row) => Math.max(most, label(row).length + extra),
    column.label.length + 2
  );
  return Math.min(WIDEST, Math.max(NARROWEST, longest));
}

/** Which rows show. */
function useWindow(
  node: React.RefObject<HTMLDivElement>,
  count: number
): { first: number; end: number; onScroll: () => void } {
  const [top, setTop] = React.useState(0);
  const [height, setHeight] = React.useState(600);
  React.useLayoutEffect(() => {
    const { current } = node;
    if (current === null || typeof ResizeObserver === 'undefined') {
      return undefined;
    }
    const observer = new ResizeObserver(() => setHeight(current.clientHeight));
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN);
  const end = Math.min(
    count,
    Math.ceil((top + height) / ROW_HEIGHT) + OVERSCAN
  );
  return {
    // Fewer rows than before may leave nothing at the old place.
    first: Math.min(first, Math.max(0, end - 1)),
    end,
    onScroll: () => {
      const now = node.current?.scrollTop ?? 0;
      // In steps of some rows: most scrolling draws nothing.
      const step = ROW_HEIGHT * 4;
      setTop(Math.floor(now / step) * step);
    }
  };
}
