/**
 * Rows that are chosen together, as in a file browser: with Ctrl one by one, with Shift from here to there.
 */
import type { IExecutionRows } from '../tokens';
import type { IRowRef } from './places';
import type { SidebarState } from './state';

/** More are not compared at once. */
const MOST_COMPARED = 1000;

/** Knows where a range of chosen rows began. */
export class Choosing {
  /**
   * @param _state - what is chosen.
   * @param _rows - gets the rows that show.
   */
  constructor(
    private _state: SidebarState,
    private _rows: () => IExecutionRows
  ) {}

  /**
   * Choose one row more or less.
   *
   * @param row - which.
   */
  toggle(row: IRowRef): void {
    this._state.toggle(row.id, row.within);
  }

  /**
   * Choose what lies between two rows.
   *
   * @param from - where it begins.
   * @param to - where it ends.
   */
  range(from: IRowRef, to: IRowRef): void {
    this._anchor = from;
    this._chooseTo(this._rows().positionOf(to.number, to.within));
  }

  /**
   * Choose as Shift and an arrow key do: from where it began to where the keys lead.
   *
   * @param from - the row that the keys leave.
   * @param to - the position that they lead to.
   */
  extend(from: IRowRef, to: number): void {
    if (this._anchor === null || this._state.chosenIds.size === 0) {
      this._anchor = from;
    }
    this._chooseTo(to);
  }

  private _chooseTo(position: number): void {
    const rows = this._rows();
    const from =
      this._anchor === null
        ? 0
        : rows.positionOf(this._anchor.number, this._anchor.within);
    const [first, last] = [Math.min(from, position), Math.max(from, position)];
    const ids: string[] = [];
    for (let at = first; at <= last && ids.length < MOST_COMPARED; at++) {
      const { execution } = rows.at(at);
      if (execution !== null) {
        ids.push(execution.id);
      }
    }
    this._state.choose(ids);
  }

  private _anchor: IRowRef | null = null;
}
