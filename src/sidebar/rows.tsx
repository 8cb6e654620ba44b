/**
 * The list: only the rows that show are in the document.
 */
import * as React from 'react';

import type { Execution } from '../api/types';
import type { IRowContext } from './row';
import { Row } from './row';
import type { IFrame } from './window';
import { scrollTopFor, visibleRows } from './window';

/** Height of a row in pixels; style/sidebar.css has the same number. */
export const ROW_HEIGHT = 44;

/** So many rows before the end the next page is fetched. */
const FETCH_AHEAD = 30;

/** What the list shows. */
export interface IRowsProps {
  /** Newest first. */
  executions: readonly Execution[];

  /** What all rows have in common. */
  context: IRowContext;

  /** Name of the list. */
  label: string;

  /** Whether more can be fetched. */
  hasMore: boolean;

  /** The id of the selected row. */
  selectedId: string | null;

  /** The id of the row being renamed. */
  renamingId: string | null;

  /** When it grows, the selected row wants the focus. */
  focusRequests: number;

  /** The end of the list is near. */
  onEnd: () => void;

  /** A row wants to be selected and focused. */
  onMove: (execution: Execution) => void;

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
  const { executions, selectedId } = props;
  const node = React.useRef<HTMLDivElement>(null);
  const anchor = React.useRef<{ number: number; offset: number } | null>(null);
  const [scrollTop, setScrollTop] = React.useState(0);
  const [height, setHeight] = React.useState(600);
  const frame: IFrame = {
    scrollTop,
    height,
    rowHeight: ROW_HEIGHT,
    count: executions.length
  };
  const { first, end } = visibleRows(frame);
  const selected = executions.findIndex(({ id }) => id === selectedId);
  const tabStop = selected === -1 ? 0 : selected;

  React.useLayoutEffect(() => observeHeight(node.current, setHeight), []);

  // New rows come in at the top: what is being read stays where it is.
  React.useLayoutEffect(() => {
    if (anchor.current === null || node.current === null) {
      return;
    }
    const { number, offset } = anchor.current;
    const index = executions.findIndex(row => row.number <= number);
    node.current.scrollTop = Math.max(0, index) * ROW_HEIGHT + offset;
  }, [executions.length, executions[0]?.number]);

  React.useLayoutEffect(() => {
    if (props.focusRequests > 0 && selected !== -1 && node.current !== null) {
      node.current.scrollTop = scrollTopFor(selected, {
        ...frame,
        scrollTop: node.current.scrollTop,
        height: node.current.clientHeight || height
      });
      setScrollTop(node.current.scrollTop);
    }
  }, [props.focusRequests]);

  // Not in the same effect: the row may be drawn only after scrolling to it.
  const focused = React.useRef(props.focusRequests);
  React.useLayoutEffect(() => {
    const row = node.current?.querySelector<HTMLElement>(
      `[data-execution-id="${selectedId}"] > button`
    );
    if (row && focused.current !== props.focusRequests) {
      focused.current = props.focusRequests;
      row.focus({ preventScroll: true });
    }
  });

  React.useEffect(() => {
    if (props.hasMore && end > executions.length - FETCH_AHEAD) {
      props.onEnd();
    }
  });

  const onScroll = (event: React.UIEvent<HTMLDivElement>): void => {
    const top = event.currentTarget.scrollTop;
    const row = executions[Math.floor(top / ROW_HEIGHT)];
    anchor.current =
      top > 0 && row !== undefined
        ? { number: row.number, offset: top % ROW_HEIGHT }
        : null;
    setScrollTop(top);
  };

  return (
    <div ref={node} className="jp-ExecutionsPanel-scroller" onScroll={onScroll}>
      <ul
        className="jp-ExecutionsPanel-list"
        aria-label={props.label}
        style={{ height: executions.length * ROW_HEIGHT }}
        onKeyDown={event => onKeyDown(event, props, height)}
        onContextMenu={event => onContextMenu(event, props)}
      >
        {executions.slice(first, end).map((execution, offset) => (
          <Row
            {...props.context}
            key={execution.id}
            execution={execution}
            index={first + offset}
            setSize={props.hasMore ? -1 : executions.length}
            top={(first + offset) * ROW_HEIGHT}
            isSelected={execution.id === selectedId}
            isTabStop={first + offset === clamp(tabStop, first, end - 1)}
            isRenaming={execution.id === props.renamingId}
          />
        ))}
      </ul>
    </div>
  );
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
  event: React.KeyboardEvent<HTMLUListElement>,
  props: IRowsProps,
  height: number
): void {
  const index = indexOf(event.target, props.executions);
  const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 1);
  const moves: Record<string, number> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    PageDown: index + page,
    PageUp: index - page,
    Home: 0,
    End: props.executions.length - 1
  };
  if (index === -1 || event.altKey || event.ctrlKey || event.metaKey) {
    return;
  }
  if (event.key in moves) {
    const next = clamp(moves[event.key], 0, props.executions.length - 1);
    props.onMove(props.executions[next]);
  } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
    focusSibling(event.target as Element, event.key === 'ArrowRight' ? 1 : -1);
  } else if (!props.onKey(props.executions[index], event.key)) {
    return;
  }
  event.preventDefault();
}

function onContextMenu(
  event: React.MouseEvent<HTMLUListElement>,
  props: IRowsProps
): void {
  const index = indexOf(event.target, props.executions);
  if (index === -1 || event.shiftKey) {
    return;
  }
  event.preventDefault();
  // JupyterLab listens further out and would open its own menu as well.
  event.stopPropagation();
  props.onMenu(props.executions[index], event.clientX, event.clientY);
}

/** The place of the row that an element is in. */
function indexOf(target: EventTarget, rows: readonly Execution[]): number {
  const row = (target as Element).closest<HTMLElement>('[data-execution-id]');
  return rows.findIndex(({ id }) => id === row?.dataset.executionId);
}

/** Left and right go through the buttons of one row. */
function focusSibling(target: Element, step: number): void {
  const row = target.closest('[data-execution-id]');
  const buttons = [...(row?.querySelectorAll('button') ?? [])];
  const index = buttons.indexOf(target as HTMLButtonElement) + step;
  buttons[clamp(index, 0, buttons.length - 1)]?.focus();
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
