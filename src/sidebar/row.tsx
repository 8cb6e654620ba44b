/**
 * One execution in two short lines.
 */
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Execution, SweepSummary } from '../api/types';
import { starredIcon } from '../icons';
import {
  failureLabel,
  isFinal,
  LOCAL,
  progressLabel,
  runSeconds,
  timeLeftLabel,
  whenLabel
} from '../model/labels';
import type { IColumn } from '../tokens';
import type { IRowAction } from './actions';
import type { IRowRef } from './places';
import { rowKey } from './places';
import type { IRowPlace } from './rowframe';
import { RowFrame, RowProgress, RowStatus } from './rowframe';

/** What all rows have in common. */
export interface IRowContext {
  /** The words. */
  trans: TranslationBundle;

  /** The values at the right. */
  columns: readonly IColumn[];

  /** Whether the list holds one notebook only, which then goes unnamed. */
  isOneNotebook: boolean;

  /** Seconds a notebook usually takes. */
  usualDuration: (path: string) => number | null;

  /** The small buttons of a row. */
  actions: (execution: Execution) => IRowAction[];

  /** The small buttons of the row of a sweep. */
  sweepActions: (sweep: SweepSummary) => IRowAction[];

  /** Open the result. */
  onOpen: (execution: Execution) => void;

  /** Choose it together with others: one more, or all up to here. */
  onChoose: (row: IRowRef, how: 'one' | 'range') => void;

  /** The row has the focus now. */
  onSelect: (execution: Execution, within: string | null) => void;

  /** The row of a sweep has the focus now. */
  onSelectSweep: (sweep: SweepSummary) => void;

  /** List the executions of a sweep below its row, or no longer. */
  onToggle: (sweep: SweepSummary) => void;

  /** The title was edited; `null` when it stays as it is. */
  onRename: (execution: Execution, title: string | null) => void;
}

/** What one row shows. */
export interface IRowProps extends IRowPlace {
  /** What all rows have in common. */
  context: IRowContext;

  /** The execution. */
  execution: Execution;

  /** The id of the sweep below whose row it stands. */
  within: string | null;

  /** Whether it is chosen together with others. */
  isChosen: boolean;

  /** Whether its title is being edited. */
  isRenaming: boolean;
}

/** A row of the list; drawn again only when something about it is new. */
export const Row = React.memo(drawRow);

function drawRow(props: IRowProps): JSX.Element {
  const { context, execution, within } = props;
  const { number } = execution;
  return (
    <RowFrame
      place={props}
      status={execution.status}
      level={within === null ? 1 : 2}
      modifiers={[
        ...(props.isChosen ? ['jp-mod-chosen'] : []),
        ...(within !== null ? ['jp-mod-within'] : [])
      ]}
      data={{
        'data-row': rowKey({ id: execution.id, within }),
        'data-execution-id': execution.id,
        'data-execution-number': number
      }}
      actions={() => context.actions(execution)}
      name={`#${number}`}
      trans={context.trans}
    >
      {props.isRenaming ? (
        <div className="jp-ExecutionsPanel-main">
          <FirstLine {...props} />
          <SecondLine {...props} />
        </div>
      ) : (
        <button
          type="button"
          className="jp-ExecutionsPanel-main"
          tabIndex={props.isTabStop ? 0 : -1}
          title={tooltip(execution, context.trans)}
          aria-pressed={props.isChosen || undefined}
          onMouseDown={event => {
            if (howChosen(event) !== null) {
              // The focus stays where the range begins, and no text is marked.
              event.preventDefault();
            }
          }}
          onClick={event => {
            const how = howChosen(event);
            if (how === null) {
              context.onOpen(execution);
            } else {
              context.onChoose({ id: execution.id, number, within }, how);
            }
          }}
          onFocus={() => context.onSelect(execution, within)}
        >
          <FirstLine {...props} />
          <SecondLine {...props} />
        </button>
      )}
    </RowFrame>
  );
}

/** As in other lists: with Ctrl or Cmd one more, with Shift a range. */
function howChosen(event: React.MouseEvent): 'one' | 'range' | null {
  if (event.shiftKey) {
    return 'range';
  }
  return event.ctrlKey || event.metaKey ? 'one' : null;
}

/** What a row on its way looks like. */
export interface ILoadingRowProps {
  /** Whose row it is, if that is known. */
  number: number | null;

  /** The id of the sweep below whose row it stands. */
  within: string | null;

  /** Pixels from the top of the list. */
  top: number;
}

/**
 * The place of a row that is on its way.
 *
 * @param props - where it is.
 */
export function LoadingRow(props: ILoadingRowProps): JSX.Element {
  const { number, top, within } = props;
  const place = within === null ? '' : 'jp-mod-within';
  return (
    <li
      className={`jp-ExecutionsPanel-row jp-mod-loading ${place}`}
      aria-hidden="true"
      style={{ top }}
    >
      {number !== null && (
        <span className="jp-ExecutionsPanel-number">#{number}</span>
      )}
    </li>
  );
}

function FirstLine(props: IRowProps): JSX.Element {
  const { execution, now } = props;
  const { columns, trans } = props.context;
  return (
    <span className="jp-ExecutionsPanel-line">
      <RowStatus status={execution.status} trans={trans} />
      <span className="jp-ExecutionsPanel-number">#{execution.number}</span>
      {props.isRenaming ? (
        <TitleEditor {...props} />
      ) : (
        <span className="jp-ExecutionsPanel-title"> {execution.title}</span>
      )}
      {execution.starred && (
        <span className="jp-ExecutionsPanel-star">
          <starredIcon.react tag="span" elementPosition="center" />
          <span className="jp-ExecutionsPanel-hidden">
            {trans.__('starred')}{' '}
          </span>
        </span>
      )}
      {columns.map(column => (
        <span
          key={column.id}
          className="jp-ExecutionsPanel-column"
          title={column.label}
        >
          {' '}
          {column.render(execution, now)}
        </span>
      ))}
    </span>
  );
}

function SecondLine(props: IRowProps): JSX.Element {
  const { context, execution, now } = props;
  const { cells_done, cells_total } = execution;
  const isRunning = execution.status === 'running';
  return (
    <RowProgress
      detail={detail(props)}
      done={
        isRunning && cells_total !== null && cells_total > 0
          ? cells_done / cells_total
          : null
      }
      timeLeft={
        isRunning
          ? timeLeft(execution, context.usualDuration, now, context.trans)
          : null
      }
    />
  );
}

function TitleEditor(props: IRowProps): JSX.Element {
  const { execution } = props;
  const { onRename, trans } = props.context;
  const done = React.useRef(false);
  const finish = (title: string | null): void => {
    // Enter removes the field, which blurs it: once is enough.
    if (!done.current) {
      done.current = true;
      onRename(execution, title);
    }
  };
  return (
    <input
      className="jp-ExecutionsPanel-editor"
      aria-label={trans.__('Title of #%1', execution.number)}
      autoFocus
      defaultValue={execution.title}
      maxLength={500}
      onFocus={event => event.target.select()}
      onBlur={event => finish(event.target.value)}
      onKeyDown={event => {
        event.stopPropagation();
        if (event.key === 'Enter') {
          // Or it would click the row, which has the focus right after.
          event.preventDefault();
          finish(event.currentTarget.value);
        } else if (event.key === 'Escape') {
          finish(null);
        }
      }}
    />
  );
}

/** The second line in words, and where, unless on the machine of the server. */
function detail(props: IRowProps): string {
  const { backend, status } = props.execution;
  const text = stateLabel(props);
  if (backend === LOCAL) {
    return text;
  }
  // Why it waits is long, and cut at its end.
  const parts = status === 'queued' ? [backend, text] : [text, backend];
  return parts.filter(part => part !== '').join(' · ');
}

function stateLabel(props: IRowProps): string {
  const { execution, now } = props;
  const { isOneNotebook, trans } = props.context;
  if (!isFinal(execution.status) && execution.cancel_requested) {
    return trans.__('stopping');
  }
  switch (execution.status) {
    case 'queued':
      return execution.waiting_reason ?? trans.__('waits for a free slot');
    case 'running':
      return progressLabel(execution, trans);
    case 'failed':
      return failureLabel(execution, trans);
    case 'succeeded':
    case 'cancelled': {
      const n = execution.remarks.length;
      const isReused =
        props.within !== null && execution.sweep_id !== props.within;
      const parts = [
        execution.owner ?? '',
        isReused ? trans.__('reused') : '',
        n > 0 ? trans._n('%1 remark', '%1 remarks', n) : '',
        isOneNotebook || props.within !== null
          ? ''
          : PathExt.basename(execution.notebook_path),
        whenLabel(execution.finished_at ?? execution.created_at, now)
      ];
      return parts.filter(part => part !== '').join(' · ');
    }
  }
}

function timeLeft(
  execution: Execution,
  usualDuration: (path: string) => number | null,
  now: number,
  trans: TranslationBundle
): string {
  const usual = usualDuration(execution.notebook_path);
  const left = (usual ?? 0) - (runSeconds(execution, now) ?? 0);
  return left > 0 && !execution.cancel_requested
    ? timeLeftLabel(left, trans)
    : '';
}

function tooltip(execution: Execution, trans: TranslationBundle): string {
  const lines = [execution.title, execution.notebook_path];
  if (execution.backend !== LOCAL) {
    lines.push(trans.__('Where: %1', execution.backend));
  }
  if (execution.owner !== null) {
    lines.push(trans.__('belongs to %1', execution.owner));
  }
  if (execution.message !== null) {
    lines.push(execution.message);
  } else if (execution.status === 'failed') {
    lines.push(failureLabel(execution, trans));
  } else if (execution.waiting_reason !== null) {
    lines.push(execution.waiting_reason);
  }
  return lines.join('\n');
}
