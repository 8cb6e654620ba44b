/**
 * Where keys lead in the list; what else they do, shortcuts.ts knows.
 */
import * as React from 'react';

import type { IExecutionRows, IListPlace } from '../tokens';
import type { IRowRef } from './places';
import { positionOf, rowAt } from './places';
import type { IRowContext } from './row';
import { ROW_HEIGHT } from './scrolling';

/** The list, as far as keys move in it. */
export interface IKeyedRows {
  /** Newest first. */
  rows: IExecutionRows;

  /** A row wants to be selected and focused. */
  onMove: (row: IRowRef) => void;

  /** How rows are chosen together. */
  context: Pick<IRowContext, 'onChoose'>;

  /** Choose together what lies between a row and the one at a position. */
  onExtend: (from: IRowRef, to: number) => void;

  /** A key that means an action was pressed on a row. */
  onKey: (place: IListPlace, key: string) => boolean;
}

/** Where the keys lead; beyond what is loaded the focus follows when it is. */
export interface IGoal {
  /** The position on the way to; `null` without any. */
  readonly position: number | null;

  /** Rows that one press of Page Down goes. */
  page: number;

  /** Go there. */
  go: (position: number) => void;
}

/**
 * Remember where keys lead until the row there is loaded.
 *
 * @param props - the list.
 * @param height - pixels of it that show.
 * @param node - what scrolls.
 * @param scrollTo - scrolls it.
 */
export function useGoal(
  props: IKeyedRows,
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

/**
 * Go where a key leads, or do what it means.
 *
 * @param event - the key.
 * @param props - the list.
 * @param goal - where the keys led before.
 */
export function onKeyDown(
  event: React.KeyboardEvent<HTMLDivElement>,
  props: IKeyedRows,
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

/** The nearest number between two others. */
export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
