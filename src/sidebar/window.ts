/**
 * Which rows of a long list are worth drawing.
 */

/** Rows from `first` up to, not including, `end`. */
export interface IRowRange {
  /** 0-based index of the first row. */
  readonly first: number;

  /** One after the last row. */
  readonly end: number;
}

/** The part of a list that shows through its scrolled frame. */
export interface IFrame {
  /** Pixels scrolled away above. */
  readonly scrollTop: number;

  /** Pixels that show. */
  readonly height: number;

  /** Pixels per row. */
  readonly rowHeight: number;

  /** How many rows there are. */
  readonly count: number;
}

/** Rows drawn above and below, so that scrolling shows no gaps. */
const OVERSCAN = 6;

/** At most so many are drawn ahead of fast scrolling. */
const MAX_AHEAD = 24;

/**
 * The rows that show, and a few around them.
 *
 * @param frame - what shows of how much.
 * @param speed - pixels scrolled since the frame before; up is negative.
 */
export function visibleRows(frame: IFrame, speed = 0): IRowRange {
  const ahead = Math.min(
    MAX_AHEAD,
    Math.ceil(Math.abs(speed) / frame.rowHeight)
  );
  const above = OVERSCAN + (speed < 0 ? ahead : 0);
  const below = OVERSCAN + (speed > 0 ? ahead : 0);
  const first = Math.floor(frame.scrollTop / frame.rowHeight) - above;
  const end =
    Math.ceil((frame.scrollTop + frame.height) / frame.rowHeight) + below;
  return {
    first: Math.min(Math.max(0, first), frame.count),
    end: Math.max(0, Math.min(frame.count, end))
  };
}

/**
 * Where to scroll, so that a row shows whole; nowhere when it does already.
 *
 * @param index - 0-based index of the row.
 * @param frame - what shows of how much.
 */
export function scrollTopFor(index: number, frame: IFrame): number {
  const top = index * frame.rowHeight;
  if (top < frame.scrollTop) {
    return top;
  }
  return Math.max(frame.scrollTop, top + frame.rowHeight - frame.height);
}
