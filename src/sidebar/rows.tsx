/**
 * The list: only the rows that show are in the document.
 */
import * as React from 'react';

import { isFinal } from '../model/labels';
import type { IListPlace } from '../tokens';
import type { IKeyedRows } from './navigation';
import { clamp, onKeyDown, useGoal } from './navigation';
import type { IRowRef } from './places';
import { positionOf, rowAt, rowKey } from './places';
import type { IRowContext } from './row';
import { LoadingRow, Row } from './row';
import { ROW_HEIGHT, useScrolling } from './scrolling';
import { SweepRow } from './sweeprow';
import { scrollTopFor, visibleRows } from './window';

/** What the list shows. */
export interface IRowsProps extends IKeyedRows {
  /** What all rows have in common; the same object as long as it is the same. */
  context: IRowContext;

  /** Milliseconds on the server's clock. */
  now: () => number;

  /** Name of the list. */
  label: string;

  /** The selected row. */
  selected: IRowRef | null;

  /** Whether the executions of a sweep stand below its row. */
  isOpen: (sweepId: string) => boolean;

  /** The ids of the rows that are chosen together. */
  chosenIds: ReadonlySet<string>;

  /** The id of the row being renamed. */
  renamingId: string | null;

  /** When it grows, the selected row wants the focus. */
  focusRequests: number;

  /** These positions are looked at. */
  onLook: (first: number, end: number) => void;

  /** A row was right-clicked, or its menu key was pressed. */
  onMenu: (place: IListPlace, x: number, y: number) => void;
}

/**
 * The windowed list.
 *
 * @param props - the executions and what to do with them.
 */
export function Rows(props: IRowsProps): JSX.Element {
  const { context, renamingId, rows, selected } = props;
  const count = rows.length;
  const node = React.useRef<HTMLDivElement>(null);
  const { frame, onScroll, scrollTo, speed } = useScrolling(node, rows);
  const { first, end } = visibleRows(frame, speed);
  const tabStop =
    selected === null ? 0 : rows.positionOf(selected.number, selected.within);
  const goal = useGoal(props, frame.height, node, scrollTo);
  const isAway = tabStop < first || tabStop >= end;
  const keepsSelected =
    isAway && selected !== null && rowAt(rows.at(tabStop))?.id === selected.id;
  // The selected row stays in the document: it may have the focus.
  const shown = [...range(first, end), ...(keepsSelected ? [tabStop] : [])]
    .sort((a, b) => a - b)
    .map(position => ({ position, ...rows.at(position) }));
  useTicking(shown.some(isCounting));

  React.useEffect(() => {
    props.onLook(
      Math.floor(frame.scrollTop / ROW_HEIGHT),
      Math.min(count, Math.ceil((frame.scrollTop + frame.height) / ROW_HEIGHT))
    );
  }, [frame.scrollTop, frame.height, rows.revision]);

  React.useLayoutEffect(() => {
    const { current } = node;
    if (props.focusRequests > 0 && selected !== null && current !== null) {
      const { scrollTop } = current;
      const height = current.clientHeight || frame.height;
      scrollTo(scrollTopFor(tabStop, { ...frame, scrollTop, height }));
    }
  }, [props.focusRequests]);

  // Not in the same effect: the row may be drawn only after scrolling to it.
  const focused = React.useRef(props.focusRequests);
  React.useLayoutEffect(() => {
    const row = node.current?.querySelector<HTMLElement>(
      `[data-row="${selected === null ? '' : rowKey(selected)}"] > button`
    );
    if (row && focused.current !== props.focusRequests) {
      focused.current = props.focusRequests;
      row.focus({ preventScroll: true });
    }
  });

  const now = props.now();
  return (
    <div
      ref={node}
      className="jp-ExecutionsPanel-scroller"
      tabIndex={-1}
      onScroll={onScroll}
      onKeyDown={event => onKeyDown(event, props, goal)}
      onContextMenu={event => onContextMenu(event, props)}
    >
      <ul
        className="jp-ExecutionsPanel-list"
        aria-label={props.label}
        aria-busy={shown.some(place => rowAt(place) === null)}
        style={{ height: count * ROW_HEIGHT }}
      >
        {shown.map(({ position, ...place }) => {
          const { execution, number, sweep, within } = place;
          const row = rowAt(place);
          const isSelected =
            row !== null &&
            selected !== null &&
            rowKey(row) === rowKey(selected);
          const common = {
            context,
            position,
            setSize: rows.isComplete ? count : -1,
            top: position * ROW_HEIGHT,
            isSelected,
            isTabStop: position === clamp(tabStop, first, end - 1)
          };
          if (sweep !== null) {
            return (
              <SweepRow
                {...common}
                key={sweep.id}
                sweep={sweep}
                isOpen={props.isOpen(sweep.id)}
                now={isFinal(sweep.status) ? wholeMinute(now) : now}
              />
            );
          }
          return execution === null || row === null ? (
            <LoadingRow
              key={`at ${position}`}
              number={number}
              within={within}
              top={common.top}
            />
          ) : (
            <Row
              {...common}
              key={rowKey(row)}
              execution={execution}
              within={within}
              now={isFinal(execution.status) ? wholeMinute(now) : now}
              isChosen={props.chosenIds.has(execution.id)}
              isRenaming={execution.id === renamingId}
            />
          );
        })}
      </ul>
    </div>
  );
}

/** Durations count up by themselves, while something runs in sight. */
function useTicking(isOn: boolean): void {
  const [, tick] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const timer = isOn
      ? window.setInterval(() => document.hidden || tick(), 1000)
      : 0;
    return () => window.clearInterval(timer);
  }, [isOn]);
}

function onContextMenu(
  event: React.MouseEvent<HTMLDivElement>,
  props: IRowsProps
): void {
  const position = positionOf(event.target);
  const place = position === null ? null : props.rows.at(position);
  if (place === null || rowAt(place) === null || event.shiftKey) {
    return;
  }
  event.preventDefault();
  // JupyterLab listens further out and would open its own menu as well.
  event.stopPropagation();
  props.onMenu(place, event.clientX, event.clientY);
}

function isCounting({ execution, sweep }: IListPlace): boolean {
  return sweep === null
    ? execution !== null &&
        !isFinal(execution.status) &&
        execution.started_at !== null
    : sweep.status === 'running';
}

/** What is over needs no new look every second. */
function wholeMinute(now: number): number {
  return Math.floor(now / 60_000) * 60_000;
}

function range(first: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
}
