/**
 * The list: only the rows that show are in the document.
 */
import * as React from 'react';
import { flushSync } from 'react-dom';

import { isFinal } from '../model/labels';
import type { IExecutionRows, IListPlace } from '../tokens';
import type { IRowRef } from './places';
import { rowAt, rowKey } from './places';
import type { IRowContext } from './row';
import { LoadingRow, Row } from './row';
import { SweepRow } from './sweeprow';
import { scrollTopFor, visibleRows } from './window';

/** Height of a row in pixels; style/sidebar.css has the same number. */
export const ROW_HEIGHT = 44;

/** What the list shows. */
export interface IRowsProps {
  /** Newest first. */
  rows: IExecutionRows;

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

  /** A row wants to be selected and focused. */
  onMove: (row: IRowRef) => void;

  /** Choose together what lies between a row and the one at a position. */
  onExtend: (from: IRowRef, to: number) => void;

  /** A key that means an action was pressed on a row. */
  onKey: (place: IListPlace, key: string) => boolean;

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

/** Where the list is scrolled to, and that rows coming in above move nothing. */
function useScrolling(
  node: React.RefObject<HTMLDivElement>,
  rows: IExecutionRows
): {
  frame: Parameters<typeof visibleRows>[0];
  speed: number;
  scrollTo: (top: number) => void;
  onScroll: () => void;
} {
  const [scrollTop, setScrollTop] = React.useState(0);
  const [height, setHeight] = React.useState(600);
  const anchor = React.useRef<{
    number: number;
    within: string | null;
    offset: number;
  } | null>(null);
  const before = React.useRef(0);

  const note = (top: number): void => {
    const { number, within } = rows.at(Math.floor(top / ROW_HEIGHT));
    anchor.current =
      top > 0 && number !== null
        ? { number, within, offset: top % ROW_HEIGHT }
        : null;
    before.current = scrollTop;
    setScrollTop(top);
  };
  const scrollTo = (top: number): void => {
    if (node.current !== null) {
      node.current.scrollTop = top;
      note(node.current.scrollTop);
    }
  };
  const onScroll = (): void => {
    const top = node.current?.scrollTop ?? 0;
    if (top !== scrollTop) {
      // Before the next picture is painted: React would wait until after it.
      flushSync(() => note(top));
    }
  };

  React.useLayoutEffect(() => observeHeight(node.current, setHeight), []);

  React.useLayoutEffect(() => {
    if (anchor.current !== null && node.current !== null) {
      const { number, offset, within } = anchor.current;
      const top = rows.positionOf(number, within) * ROW_HEIGHT + offset;
      if (Math.abs(top - node.current.scrollTop) >= 1) {
        scrollTo(top);
      }
    }
  }, [rows.revision]);

  const count = rows.length;
  const frame = { scrollTop, height, rowHeight: ROW_HEIGHT, count };
  return { frame, speed: scrollTop - before.current, scrollTo, onScroll };
}

/** Where the keys lead; beyond what is loaded the focus follows when it is. */
interface IGoal {
  /** The position on the way to; `null` without any. */
  readonly position: number | null;

  /** Rows that one press of Page Down goes. */
  page: number;

  /** Go there. */
  go: (position: number) => void;
}

function useGoal(
  props: IRowsProps,
  height: number,
  node: React.RefObject<HTMLDivElement>,
  scrollTo: (top: number) => void
): IGoal {
  const { onMove, rows } = props;
  const goal = React.useRef<number | null>(null);
  const go = (wish: number): void => {
    const last = rows.length - 1;
    const position = clamp(wish, 0, last);
    const row = rowAt(rows.at(position));
    if (row !== null) {
      goal.current = null;
      onMove(row);
      return;
    }
    // The end stays the end when the list turns out longer.
    goal.current = wish >= last ? Infinity : position;
  };

  React.useLayoutEffect(() => {
    if (goal.current === null) {
      return;
    }
    if (document.activeElement === node.current) {
      go(goal.current);
    } else {
      // Somebody went elsewhere meanwhile.
      goal.current = null;
    }
  }, [rows.revision]);

  return {
    get position() {
      return goal.current;
    },
    page: Math.max(1, Math.floor(height / ROW_HEIGHT) - 1),
    go: position => {
      go(position);
      if (goal.current !== null) {
        const row = clamp(goal.current, 0, rows.length - 1);
        // The row that has the focus goes: the keys must still arrive.
        node.current?.focus({ preventScroll: true });
        scrollTo(Math.max(0, (row + 1) * ROW_HEIGHT - height));
      }
    }
  };
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

function observeHeight(
  node: HTMLElement | null,
  setHeight: (height: number) => void
): (() => void) | undefined {
  if (node === null || typeof ResizeObserver === 'undefined') {
    return undefined;
  }
  const observer = new ResizeObserver(() => {
    if (node.clientHeight > 0) {
      setHeight(node.clientHeight);
    }
  });
  observer.observe(node);
  return () => observer.disconnect();
}

function onKeyDown(
  event: React.KeyboardEvent<HTMLDivElement>,
  props: IRowsProps,
  goal: IGoal
): void {
  const { onKey, rows } = props;
  const at = positionOf(event.target) ?? goal.position;
  if (at === null || event.altKey) {
    return;
  }
  const position = clamp(at, 0, rows.length - 1);
  if (event.ctrlKey || event.metaKey) {
    const place = rows.at(position);
    const row = rowAt(place);
    if (event.key === ' ' && row !== null && place.execution !== null) {
      props.context.onChoose(row, 'one');
      event.preventDefault();
    }
    return;
  }
  const moves: Record<string, number> = {
    ArrowDown: position + 1,
    ArrowUp: position - 1,
    PageDown: position + goal.page,
    PageUp: position - goal.page,
    Home: 0,
    End: rows.length - 1
  };
  const place = rows.at(position);
  const target = event.target as Element;
  const isSideways = event.key === 'ArrowRight' || event.key === 'ArrowLeft';
  if (event.key in moves) {
    const row = rowAt(place);
    if (event.shiftKey && row !== null) {
      props.onExtend(row, clamp(moves[event.key], 0, rows.length - 1));
    }
    goal.go(moves[event.key]);
  } else if (isSideways && !(isMain(target) && onKey(place, event.key))) {
    focusSibling(target, event.key === 'ArrowRight' ? 1 : -1);
  } else if (!isSideways && !onKey(place, event.key)) {
    return;
  }
  event.preventDefault();
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

/** The position of the row that an element is in. */
function positionOf(target: EventTarget): number | null {
  const row = (target as Element).closest('[data-row]');
  return row === null ? null : Number(row.getAttribute('aria-posinset')) - 1;
}

/** Whether an element opens its row, and is none of the small buttons. */
function isMain(target: Element): boolean {
  return target.classList.contains('jp-ExecutionsPanel-main');
}

/** Left and right go through the buttons of one row. */
function focusSibling(target: Element, step: number): void {
  const row = target.closest('[data-row]');
  const buttons = [...(row?.querySelectorAll('button') ?? [])];
  const index = buttons.indexOf(target as HTMLButtonElement) + step;
  buttons[clamp(index, 0, buttons.length - 1)]?.focus();
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

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
