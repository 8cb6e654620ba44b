/**
 * The loaded part of a long list, newest first.
 */
import type { Execution, ExecutionPage } from '../api/types';

/** Executions ordered by falling number, complete down to a cursor. */
export class ExecutionList {
  /** The rows; changed in place, so that 100,000 of them cost nothing. */
  get rows(): readonly Execution[] {
    return this._rows;
  }

  /** Where the next page begins; `null` at the end. */
  get cursor(): string | null {
    return this._cursor;
  }

  /**
   * Begin anew.
   *
   * @param rows - what to hold, newest first.
   * @param cursor - where the next page begins.
   */
  reset(rows: Execution[], cursor: string | null): void {
    this._rows = rows;
    this._cursor = cursor;
  }

  /**
   * Put a newly fetched first page over what is there.
   *
   * @param page - the first page, as it is now.
   *
   * #### Notes
   * Pages further down stay, unless the list grew by more than a page
   * meanwhile: then there would be a hole between.
   */
  refresh(page: ExecutionPage): void {
    const rows = [...page.executions];
    const last = rows[rows.length - 1];
    const overlaps =
      page.next_cursor !== null && this._rows[0]?.number >= last?.number;
    const older = overlaps
      ? this._rows.filter(row => row.number < last.number)
      : [];
    this.reset(
      rows.concat(older),
      older.length > 0 ? this._cursor : page.next_cursor
    );
  }

  /**
   * Add the next page at the end.
   *
   * @param page - what the cursor led to.
   */
  append(page: ExecutionPage): void {
    const last = this._rows[this._rows.length - 1]?.number ?? Infinity;
    this._rows = this._rows.concat(
      page.executions.filter(row => row.number < last)
    );
    this._cursor = page.next_cursor;
  }

  /**
   * Put in or replace one row; rows below what is loaded are left out.
   *
   * @param row - the execution.
   * @returns Whether it is on the list now.
   */
  place(row: Execution): boolean {
    const index = this._indexOf(row.number);
    if (this._rows[index]?.id === row.id) {
      this._rows[index] = row;
      return true;
    }
    if (index === this._rows.length && this._cursor !== null) {
      return false;
    }
    this._rows.splice(index, 0, row);
    return true;
  }

  /**
   * Whether an execution is on the list.
   *
   * @param row - the execution.
   */
  has(row: Execution): boolean {
    return this._rows[this._indexOf(row.number)]?.id === row.id;
  }

  /**
   * Take one row out.
   *
   * @param row - the execution.
   */
  remove(row: Execution): void {
    if (this.has(row)) {
      this._rows.splice(this._indexOf(row.number), 1);
    }
  }

  /** Where a number is, or would be. */
  private _indexOf(number: number): number {
    let low = 0;
    let high = this._rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._rows[middle].number > number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _rows: Execution[] = [];
  private _cursor: string | null = null;
}
