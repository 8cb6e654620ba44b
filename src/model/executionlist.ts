/**
 * A long list, newest first, of which only parts are known.
 *
 * #### Notes
 * The server pages by number. So any part can be asked for, at the top, at the
 * end or in the middle; what lies between is a gap, as high as can be guessed.
 * A guess that is wrong is put right when the gap is filled.
 */
import type { ExecutionPage } from '../api/types';

/** Rows per request: the most the server gives. */
export const PAGE_SIZE = 200;

/** Longer guesses would be higher than what browsers can scroll. */
const MAX_GUESS = 200_000;

/** So many rows on the other side of the wanted one come along with it. */
const LEAD = 60;

/** Numbers from `low` to `high`, both included. */
export interface INumberRange {
  readonly low: number;
  readonly high: number;
}

/** Numbers nobody asked for yet, and how many rows they probably are. */
interface IGap extends INumberRange {
  readonly size: number;
}

/** Asks for the rows after a number, in one direction. */
export interface IPageRequest {
  readonly sort: 'number' | '-number';
  readonly after: number;
}

/** Numbers by position, falling; complete but for the gaps. */
export class ExecutionList {
  /** Rows, counting the guesses. */
  get length(): number {
    return this._numbers.length + this._guessed();
  }

  /** Whether there is nothing left to guess. */
  get isComplete(): boolean {
    return this._gaps.length === 0;
  }

  /** The newest number; 0 without any. */
  get newest(): number {
    return Math.max(this._numbers[0] ?? 0, this._gaps[0]?.high ?? 0);
  }

  /**
   * The number at a position; `null` in a gap.
   *
   * @param position - from 0 to less than `length`.
   */
  at(position: number): number | null {
    const { gap, above } = this._look(position);
    return gap === null ? (this._numbers[position - above] ?? null) : null;
  }

  /**
   * Where a number is, or would be.
   *
   * @param number - the number of an execution.
   */
  positionOf(number: number): number {
    return this._indexOf(number) + this._guessed(gap => gap.low > number);
  }

  /**
   * Whether a number is on the list.
   *
   * @param number - the number of an execution.
   */
  has(number: number): boolean {
    return this._numbers[this._indexOf(number)] === number;
  }

  /**
   * Begin anew with what is known of other lists.
   *
   * @param numbers - falling.
   */
  reset(numbers: number[]): void {
    this._numbers = numbers;
    this._gaps = [];
  }

  /**
   * Put the first page over what is there.
   *
   * @param page - the newest rows.
   * @param newestThen - `newest` when it was asked for; what came in since
   *   then stays.
   */
  coverTop(page: ExecutionPage, newestThen: number): void {
    const numbers = page.executions.map(row => row.number);
    const low = Number(page.next_cursor ?? 0);
    const known = Math.min(newestThen, this.newest);
    if (known < low - 1) {
      const width = low - 1 - known;
      const density = numbers.length / ((numbers[0] ?? low) - low + 1);
      const size = Math.ceil(Math.min(width * density, MAX_GUESS));
      this._gaps.unshift({ low: known + 1, high: low - 1, size });
    }
    const high = Math.max(newestThen, numbers[0] ?? 0);
    this.cover({ low, high }, numbers);
  }

  /**
   * Note that a part of the list is exactly this.
   *
   * @param range - the part, by number.
   * @param numbers - the numbers in it, falling.
   */
  cover({ low, high }: INumberRange, numbers: readonly number[]): void {
    const from = this._indexOf(high);
    const end = this._indexOf(low - 1);
    this._numbers.splice(from, end - from, ...numbers);
    this._gaps = this._gaps.flatMap(gap => narrow(gap, { low, high }, numbers));
  }

  /**
   * Note that a page was answered.
   *
   * @param request - what was asked for.
   * @param page - the answer.
   */
  coverPage(request: IPageRequest, page: ExecutionPage): void {
    const { after, sort } = request;
    const numbers = page.executions.map(row => row.number);
    // A cursor is the number of the last row.
    const last = page.next_cursor === null ? null : Number(page.next_cursor);
    if (sort === '-number') {
      this.cover({ low: last ?? 0, high: after - 1 }, numbers);
    } else {
      const high = last ?? Math.max(this.newest, after);
      this.cover({ low: after + 1, high }, numbers.reverse());
    }
  }

  /**
   * Note that an execution is on the list; in a gap it is found later.
   *
   * @param number - its number.
   */
  add(number: number): void {
    const index = this._indexOf(number);
    const isLost = this._gaps.some(
      gap => gap.low <= number && number <= gap.high
    );
    if (this._numbers[index] !== number && !isLost) {
      this._numbers.splice(index, 0, number);
    }
  }

  /**
   * Take one row out.
   *
   * @param number - its number.
   */
  remove(number: number): void {
    if (this.has(number)) {
      this._numbers.splice(this._indexOf(number), 1);
    }
  }

  /**
   * What to ask the server to learn of a row, and of its neighbours.
   *
   * @param position - the row.
   * @param isUp - whether those above it will be wanted next.
   */
  requestFor(position: number, isUp: boolean): IPageRequest {
    const { gap, above } = this._look(position);
    if (gap === null) {
      const index = position - above;
      const first = isUp ? Math.max(0, index - PAGE_SIZE + LEAD) : index;
      return { sort: '-number', after: this._numbers[first] + 1 };
    }
    const offset = position - this._indexOf(gap.high) - above;
    if (offset < PAGE_SIZE) {
      return { sort: '-number', after: gap.high + 1 };
    }
    if (gap.size - offset <= PAGE_SIZE) {
      return { sort: 'number', after: gap.low - 1 };
    }
    const share = (offset - LEAD) / gap.size;
    const width = gap.high - gap.low + 1;
    return { sort: '-number', after: gap.high + 1 - Math.floor(share * width) };
  }

  /** The gap at a position, and how many guessed rows lie above it. */
  private _look(position: number): { gap: IGap | null; above: number } {
    let above = 0;
    for (const gap of this._gaps) {
      const start = this._indexOf(gap.high) + above;
      if (position < start) {
        break;
      }
      if (position < start + gap.size) {
        return { gap, above };
      }
      above += gap.size;
    }
    return { gap: null, above };
  }

  private _guessed(counts: (gap: IGap) => boolean = () => true): number {
    return this._gaps.reduce(
      (sum, gap) => sum + (counts(gap) ? gap.size : 0),
      0
    );
  }

  /** Where a number is among the known ones, or would be. */
  private _indexOf(number: number): number {
    let low = 0;
    let high = this._numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._numbers[middle] > number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _numbers: number[] = [];
  private _gaps: IGap[] = [];
}

/** What is left of a gap when a part of it is known. */
function narrow(
  gap: IGap,
  { low, high }: INumberRange,
  numbers: readonly number[]
): IGap[] {
  if (gap.high < low || gap.low > high) {
    return [gap];
  }
  const found = numbers.filter(n => gap.low <= n && n <= gap.high).length;
  const rest = Math.max(0, gap.size - found);
  const nAbove = Math.max(0, gap.high - high);
  const nBelow = Math.max(0, low - gap.low);
  const share = nAbove / (gap.high - gap.low + 1);
  // What is looked at stays where it is: the part above keeps its height.
  const above = nBelow === 0 ? rest : Math.round(gap.size * share);
  return [
    { low: high + 1, high: gap.high, size: clamp(above, nAbove) },
    { low: gap.low, high: low - 1, size: clamp(rest - above, nBelow) }
  ].filter(part => part.high >= part.low);
}

/** At least one row, at most one for each number. */
function clamp(size: number, width: number): number {
  return Math.max(1, Math.min(size, width));
}
