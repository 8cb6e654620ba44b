/**
 * Where the list is scrolled to.
 */
import * as React from 'react';
import { flushSync } from 'react-dom';

import type { IExecutionRows } from '../tokens';
import type { visibleRows } from './window';

/** Height of a row in pixels; style/rows.css has the same number. */
export const ROW_HEIGHT = 44;

/**
 * Follow the scrolling of a list, and let rows that come in above move nothing.
 *
 * @param node - what scrolls.
 * @param rows - what it shows.
 */
export function useScrolling(
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
