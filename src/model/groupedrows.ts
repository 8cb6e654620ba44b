/**
 * The list as it is shown: a sweep is one row, below which its executions stand while it is open.
 */
import type { IExecutionRows, IListPlace } from '../tokens';
import type { PagedList } from './pagedlist';
import type { Sweeps } from './sweeps';

/** The executions of one open sweep among the rows. */
interface ISection {
  readonly id: string;

  /** Of the sweep among the rows of the list. */
  readonly position: number;

  /** Of the sweep among all that shows. */
  readonly shown: number;

  readonly members: PagedList;
}

/** Rows of a list, and of the open sweeps on it. */
export class GroupedRows implements IExecutionRows {
  /**
   * @param list - the rows; of each sweep its first execution.
   * @param opened - the executions of open sweeps, by id of the sweep.
   * @param sweeps - where sweeps stand; null where no row is a sweep.
   */
  constructor(
    list: PagedList,
    opened: ReadonlyMap<string, PagedList>,
    sweeps: Sweeps | null
  ) {
    this._list = list;
    this._opened = opened;
    this._sweeps = sweeps;
  }

  get length(): number {
    return this._sections().reduce(
      (sum, { members }) => sum + members.length,
      this._list.length
    );
  }

  get isComplete(): boolean {
    return (
      this._list.isComplete &&
      this._sections().every(({ members }) => members.isComplete)
    );
  }

  get revision(): number {
    let sum = this._list.revision + this._closed;
    this._opened.forEach(members => (sum += members.revision + 1));
    return sum;
  }

  /**
   * Note that a sweep was closed: the revision must not go back.
   *
   * @param members - its executions.
   */
  close(members: PagedList): void {
    this._closed += members.revision + 2;
  }

  at(position: number): IListPlace {
    let above = 0;
    for (const { id, members, shown } of this._sections()) {
      if (position <= shown) {
        break;
      }
      if (position <= shown + members.length) {
        // Below its row a sweep reads from its first execution on.
        const place = members.length - (position - shown);
        return { ...members.at(place), sweep: null, within: id };
      }
      above += members.length;
    }
    const place = this._list.at(position - above);
    const sweep =
      place.number === null ? undefined : this._sweeps?.at(place.number);
    const isSweep =
      this._sweeps !== null && Boolean(place.execution?.sweep_id ?? sweep);
    return {
      number: place.number,
      execution: isSweep ? null : place.execution,
      sweep: sweep ?? null,
      within: null
    };
  }

  positionOf(number: number, within: string | null = null): number {
    const sections = this._sections();
    const section = sections.find(({ id }) => id === within);
    if (section !== undefined) {
      const { members, shown } = section;
      return shown + members.length - members.positionOf(number);
    }
    const first = within === null ? null : this._sweeps?.find(within);
    const position = this._list.positionOf(first?.first_number ?? number);
    return sections
      .filter(each => each.position < position)
      .reduce((sum, { members }) => sum + members.length, position);
  }

  /**
   * Say which rows are looked at.
   *
   * @param first - position of the first row.
   * @param end - one after the last.
   */
  look(first: number, end: number): void {
    for (const { members, shown } of this._sections()) {
      const begin = shown + 1;
      const stop = begin + members.length;
      const top = Math.max(first, begin);
      const bottom = Math.min(end, stop);
      if (top < bottom) {
        members.look(stop - bottom, stop - top);
      }
    }
    const from = this._indexOf(first);
    this._list.look(from, end > first ? this._indexOf(end - 1) + 1 : from);
  }

  /** Where on the list a row is, or the sweep below whose row it stands. */
  private _indexOf(position: number): number {
    let above = 0;
    for (const { members, position: index, shown } of this._sections()) {
      if (position <= shown) {
        break;
      }
      if (position <= shown + members.length) {
        return index;
      }
      above += members.length;
    }
    return position - above;
  }

  private _sections(): ISection[] {
    const found: ISection[] = [];
    if (this._sweeps === null) {
      return found;
    }
    for (const [id, members] of this._opened) {
      const number = this._sweeps.find(id)?.first_number ?? null;
      if (number !== null && this._list.has(number)) {
        const position = this._list.positionOf(number);
        found.push({ id, position, shown: position, members });
      }
    }
    let above = 0;
    return found
      .sort((a, b) => a.position - b.position)
      .map(section => {
        const shown = section.position + above;
        above += section.members.length;
        return { ...section, shown };
      });
  }

  private _closed = 0;
  private _list: PagedList;
  private _opened: ReadonlyMap<string, PagedList>;
  private _sweeps: Sweeps | null;
}
