/**
 * The same cell of several executions, beside each other.
 */
import { OutputAreaModel, SimplifiedOutputArea } from '@jupyterlab/outputarea';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { ComparedRow } from '../api/types';
import { disarm } from '../disarm';
import { Choice } from '../fields/choice';
import { metricLabel } from '../model/goals';
import { patchOutputs, shortenStreams } from '../model/streams';
import { parametersOf, plainLabel } from './columns';
import type { CompareModel } from './comparemodel';
import type { IExecutedCell, OutputsModel } from './outputsmodel';
import { usualCell } from './outputsmodel';

/** So many are shown while nothing is selected. */
const USUAL_NUMBER = 3;

/** A longer line of a cell is cut in the menu of cells. */
const LONGEST_LINE = 60;

/** What the outputs need. */
export interface IOutputsProps {
  model: CompareModel;
  outputs: OutputsModel;
  rendermime: IRenderMimeRegistry;
  open: (id: string) => void;
  trans: TranslationBundle;
}

/**
 * A cell to choose, and a column for each execution.
 *
 * @param props - what they need.
 */
export function OutputsView(props: IOutputsProps): JSX.Element {
  return (
    <UseSignal signal={props.outputs.changed}>
      {() => <Outputs {...props} />}
    </UseSignal>
  );
}

function Outputs(props: IOutputsProps): JSX.Element {
  const { model, outputs, trans } = props;
  const [chosen, setChosen] = React.useState<string | null>(null);
  const [usual, setUsual] = React.useState({ row: '', cell: '' });
  const rows = rowsOf(model);
  React.useEffect(() => {
    if (rows.length > 0) {
      outputs.look(rows[0]);
    }
  });
  const first = rows.length > 0 ? outputs.find(rows[0]) : null;
  const cells = first?.status === 'loaded' ? first.cells : [];
  // While the first one runs, more of its cells get outputs: the cell stays.
  const stays = rows[0]?.id === usual.row ? usual.cell : null;
  const likely = cells.find(({ id }) => id === stays) ?? usualCell(cells);
  if (likely !== undefined && likely.outputs.length > 0 && stays === null) {
    setUsual({ row: rows[0].id, cell: likely.id });
  }
  const cell = cells.find(({ id }) => id === chosen) ?? likely;
  return (
    <div className="jp-Compare-outputs">
      <div className="jp-Compare-tools">
        <label>
          {trans.__('Cell')}
          <Choice
            choices={cells.map((each, index) => [
              each.id,
              cellLabel(each, index)
            ])}
            value={cell?.id ?? ''}
            onChange={setChosen}
          />
        </label>
        <span className="jp-Compare-gapfill" />
        {model.selected.length === 0 && model.rows.length > rows.length && (
          <span className="jp-Compare-note">
            {model.goal === null
              ? trans.__(
                  'The first %1; select rows of the table for others.',
                  rows.length
                )
              : trans.__(
                  'The best %1; select rows of the table for others.',
                  rows.length
                )}
          </span>
        )}
      </div>
      <div
        className="jp-Compare-sides"
        role="region"
        aria-label={trans.__('Outputs side by side')}
        tabIndex={0}
      >
        {rows.map(row => (
          <Side {...props} key={row.id} row={row} first={rows[0]} cell={cell} />
        ))}
      </div>
    </div>
  );
}

function Side(
  props: IOutputsProps & {
    row: ComparedRow;
    first: ComparedRow;
    cell: IExecutedCell | undefined;
  }
): JSX.Element {
  const { cell, first, model, open, outputs, row, trans } = props;
  const node = React.useRef<HTMLElement>(null);
  const isSeen = useSeen(node);
  React.useEffect(() => {
    if (isSeen) {
      outputs.look(row);
    }
  });
  const found = outputs.find(row);
  const mine =
    found.status === 'loaded'
      ? found.cells.find(({ id }) => id === cell?.id)
      : undefined;
  const { goal } = model;
  const value = goal === null ? undefined : row.metrics[goal.metric];
  return (
    <section
      ref={node}
      className="jp-Compare-side"
      aria-label={trans.__('Outputs of #%1', row.number)}
    >
      <header>
        <button
          type="button"
          className="jp-Compare-link"
          onClick={() => open(row.id)}
        >
          #{row.number}
        </button>
        {goal !== null && value !== undefined && (
          <span>
            {goal.metric} {metricLabel(value)}
          </span>
        )}
        {row.id === model.ranked[0]?.id && (
          <span className="jp-Compare-best">{trans.__('best')}</span>
        )}
        {mine !== undefined && mine.source !== cell?.source && (
          <span
            className="jp-Compare-differs"
            title={trans.__(
              'The source of this cell is not the same as in #%1',
              first.number
            )}
          >
            {trans.__('source differs')}
          </span>
        )}
        <small title={parametersLabel(model, row)}>
          {parametersLabel(model, row)}
        </small>
      </header>
      {found.status === 'failed' ? (
        <p className="jp-Compare-note">{found.message}</p>
      ) : found.status === 'loading' || cell === undefined ? (
        <p className="jp-Compare-note">{trans.__('Loading…')}</p>
      ) : mine === undefined ? (
        <p className="jp-Compare-note">{trans.__('It has no such cell.')}</p>
      ) : mine.outputs.length === 0 ? (
        <p className="jp-Compare-note">{trans.__('No output.')}</p>
      ) : (
        <CellOutputs {...props} key={mine.id} cell={mine} />
      )}
    </section>
  );
}

/** Outputs as a notebook that is not trusted shows them. */
function CellOutputs(props: {
  rendermime: IRenderMimeRegistry;
  cell: IExecutedCell;
  trans: TranslationBundle;
}): JSX.Element {
  const { cell, rendermime, trans } = props;
  const node = React.useRef<HTMLDivElement>(null);
  const shown = React.useRef<OutputAreaModel | null>(null);
  React.useLayoutEffect(() => {
    const host = node.current;
    if (host === null) {
      return undefined;
    }
    const area = new SimplifiedOutputArea({
      model: new OutputAreaModel({ trusted: false }),
      rendermime,
      maxNumberOutputs: 50
    });
    shown.current = area.model as OutputAreaModel;
    disarm(host);
    Widget.attach(area, host);
    return () => {
      if (host.isConnected) {
        Widget.detach(area);
      }
      area.model.dispose();
      area.dispose();
    };
  }, [rendermime]);
  // What runs writes more: only that is drawn.
  React.useLayoutEffect(() => {
    if (shown.current !== null) {
      patchOutputs(
        shown.current,
        shortenStreams(cell.outputs, nLines =>
          trans._n(
            '⋯ %1 line above is left out; open the result to see it ⋯',
            '⋯ %1 lines above are left out; open the result to see them ⋯',
            nLines
          )
        )
      );
    }
  }, [cell, rendermime]);
  return <div ref={node} className="jp-Compare-output" />;
}

/** The selected ones, or the best, or the first. */
function rowsOf(model: CompareModel): readonly ComparedRow[] {
  const { ranked, rows, selected } = model;
  if (selected.length > 0) {
    return selected;
  }
  return (ranked.length > 0 ? ranked : rows).slice(0, USUAL_NUMBER);
}

function cellLabel({ source }: IExecutedCell, index: number): string {
  const line = source.split('\n').find(each => each.trim() !== '') ?? '';
  const short =
    line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
  return `${index + 1}: ${short}`;
}

function parametersLabel(model: CompareModel, row: ComparedRow): string {
  const parameters = parametersOf(row);
  return model.columns
    .filter(({ differs, kind }) => differs && kind === 'parameter')
    .filter(({ label }) => parameters[label] !== undefined)
    .map(({ label }) => `${label} ${plainLabel(parameters[label])}`)
    .join(', ');
}

/**
 * Whether an element is in sight now.
 *
 * #### Notes
 * Not whether it ever was: of many, those that were let go to make room for
 * others would be fetched again, in whose place the others would, for ever.
 */
function useSeen(node: React.RefObject<HTMLElement>): boolean {
  const [isSeen, setSeen] = React.useState(false);
  React.useEffect(() => {
    if (node.current === null || typeof IntersectionObserver === 'undefined') {
      setSeen(true);
      return undefined;
    }
    const observer = new IntersectionObserver(entries => {
      setSeen(entries[entries.length - 1].isIntersecting);
    });
    observer.observe(node.current);
    return () => observer.disconnect();
  }, []);
  return isSeen;
}
