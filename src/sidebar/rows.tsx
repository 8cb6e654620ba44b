/**
 * The list: only the rows that show are in the document.
 */
import * as React from 'react';
import { flushSync } from 'react-dom';

import type { Execution } from '../api/types';
import { isFinal } from '../model/labels';
import type { IExecutionRows } from '../tokens';
import type { IRowContext } from './row';
import { LoadingRow, Row } from './row';
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

  /** The selected execution. */
  selected: Pick<Execution, 'id' | 'number'> | null;

  /** The ids of the rows that are chosen together. */
  chosenIds: ReadonlySet<string>;

  /** The id of the row being renamed. */
  renamingId: string | null;

  /** When it grows, the selected row wants the focus. */
  focusRequests: number;

  /** These positions are looked at. */
  onLook: (first: number, end: number) => void;

  /** A row wants to be selected and focused. */
  onMove: (execution: Execution) => void;

  /** Choose together what lies between a row and the one at a position. */
  onExtend: (from: Execution, to: number) => void;

  /** A key that means an action was pressed on a row. */
  onKey: (execution: Execution, key: string) => boolean;

  /** A row was right-clicked, or its menu key was pressed. */
  onMenu: (execution: Execution, x: number, y: number) => void;
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
  const tabStop = selected === null ? 0 : rows.positionOf(selected.number);
  const goal = useGoal(props, frame.height, node, scrollTo);
  const isAway = tabStop < first || tabStop >= end;
  const keepsSelected =
    isAway && selected !== null && rows.at(tabStop).number === selected.number;
  // The selected row stays in the document: it may have the focus.
  const shown = [...range(first, end), ...(keepsSelected ? [tabStop] : [])]
    .sort((a, b) => a - b)
    .map(position => ({ position, ...rows.at(position) }));
  useTicking(
    shown.some(({ execution }) => execution !== null && isCounting(execution))
  );

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
      `[data-execution-id="${selected?.id}"] > button`
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
        aria-busy={shown.some(({ execution }) => execution === null)}
        style={{ height: count * ROW_HEIGHT }}
      >
        {shown.map(({ execution, number, position }) => {
          const top = position * ROW_HEIGHT;
          return execution === null ? (
            <LoadingRow key={`at ${position}`} number={number} top={top} />
          ) : (
            <Row
              key={execution.id}
              context={context}
              execution={execution}
              now={isFinal(execution.status) ? wholeMinute(now) : now}
              position={position}
              setSize={rows.isComplete ? count : -1}
              top={top}
              isSelected={execution.id === selected?.id}
              isChosen={props.chosenIds.has(execution.id)}
              isTabStop={position === clamp(tabStop, first, end - 1)}
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
  const anchor = React.useRef<{ number: number; offset: number } | null>(null);
  const before = React.useRef(0);

  const note = (top: number): void => {
    const { number } = rows.at(Math.floor(top / ROW_HEIGHT));
    anchor.current =
      top > 0 && number !== null ? { number, offset: top % ROW_HEIGHT } : null;
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
      const { number, offset } = anchor.current;
      const top = rows.positionOf(number) * ROW_HEIGHT + offset;
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
    const { execution } = rows.at(position);
    if (execution !== null) {
      goal.current = null;
      onMove(execution);
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
    const row = rows.at(position).execution;
    if (event.key === ' ' && row !== null) {
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
  const { execution } = rows.at(position);
  if (event.key in moves) {
    if (event.shiftKey && execution !== null) {
      props.onExtend(execution, clamp(moves[event.key], 0, rows.length - 1));
    }
    goal.go(moves[event.key]);
  } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
    focusSibling(event.target as Element, event.key === 'ArrowRight' ? 1 : -1);
  } else if (execution === null || !onKey(execution, event.key)) {
    return;
  }
  event.preventDefault();
}

function onContextMenu(
  event: React.MouseEvent<HTMLDivElement>,
  props: IRowsProps
): void {
  const position = positionOf(event.target);
  const { execution } = props.rows.at(position ?? -1);
  if (execution === null || event.shiftKey) {
    return;
  }
  event.preventDefault();
  // JupyterLab listens further out and would open its own menu as well.
  event.stopPropagation();
  props.onMenu(execution, event.clientX, event.clientY);
}

/** The position of the row that an element is in. */
function positionOf(target: EventTarget): number | null {
  const row = (target as Element).closest('[data-execution-id]');
  return row === null ? null : Number(row.getAttribute('aria-posinset')) - 1;
}

/** Left and right go through the buttons of one row. */
function focusSibling(target: Element, step: number): void {
  const row = target.closest('[data-execution-id]');
  const buttons = [...(row?.querySelectorAll('button') ?? [])];
  const index = buttons.indexOf(target as HTMLButtonElement) + step;
  buttons[clamp(index, 0, buttons.length - 1)]?.focus();
}

function isCounting({ started_at, status }: Execution): boolean {
  return !isFinal(status) && started_at !== null;
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
