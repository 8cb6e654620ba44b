/**
 * The list as it is asked for: which executions stand on it, and which below the row of their sweep.
 */
import type { IListQuery } from '../api/client';
import type { Execution, ExecutionPage, SweepSummary } from '../api/types';
import type { IExecutionsFilter } from '../tokens';
import type { Catalogue } from './catalogue';
import { isGrouped, matches, NO_FILTER, toQuery } from './filter';
import { GroupedRows } from './groupedrows';
import { PagedList } from './pagedlist';
import type { Sweeps } from './sweeps';

/** Knows the places of executions; what they are, the catalogue knows. */
export class ShownList {
  /**
   * Create the list of everything.
   *
   * @param _source - where executions come from, and who hears of changes.
   */
  constructor(private _source: ShownList.ISource) {
    this._list = this._makeList([]);
    this._rows = this._makeRows();
  }

  /** What shows; another object after another filter. */
  get rows(): GroupedRows {
    return this._rows;
  }

  /** What is asked for; nobody is told of another one. */
  get filter(): IExecutionsFilter {
    return this._filter;
  }
  set filter(filter: IExecutionsFilter) {
    this._filter = filter;
    // What is known already bridges the time until the server answers.
    const known = this.isSearch
      ? []
      : this._source.catalogue.all.filter(
          execution =>
            matches(filter, execution) &&
            (!isGrouped(filter) || this._isRow(execution))
        );
    this._list = this._makeList(known.map(({ number }) => number));
    this._rows = this._makeRows();
  }

  /** Whether only the server knows what belongs to the list. */
  get isSearch(): boolean {
    return this._filter.q.trim() !== '';
  }

  /**
   * Fetch the first page, and that of each open sweep.
   *
   * @returns The executions on them.
   */
  async refresh(): Promise<Execution[]> {
    const rows = [...(await this._list.refresh())];
    for (const members of this._opened.values()) {
      rows.push(...(await members.refresh()));
    }
    return rows;
  }

  /**
   * Whether the executions of a sweep are listed one by one.
   *
   * @param sweepId - the id of the sweep.
   */
  showsExecutionsOf(sweepId: string): boolean {
    return !isGrouped(this._filter) || this._opened.has(sweepId);
  }

  /**
   * Put an execution where it belongs, or take it off.
   *
   * @param execution - as it is now.
   */
  place(execution: Execution): void {
    const { number, sweep_id } = execution;
    if (sweep_id !== null) {
      this._opened.get(sweep_id)?.add(number);
      if (isGrouped(this._filter)) {
        // Its sweep has its place already.
        return;
      }
    }
    if (!matches(this._filter, execution)) {
      this._list.remove(number);
    } else if (!this.isSearch) {
      this._list.add(number);
    }
  }

  /**
   * Take an execution off that is gone.
   *
   * @param execution - as it was.
   */
  remove({ number, sweep_id }: Execution): void {
    if (sweep_id === null || !isGrouped(this._filter)) {
      this._list.remove(number);
    }
    this._opened.forEach(members => members.remove(number));
  }

  /**
   * List the executions of a sweep below its row, or no longer.
   *
   * @param id - the id of the sweep.
   * @param isOpen - whether they are listed.
   */
  open(id: string, isOpen: boolean): void {
    const old = this._opened.get(id);
    if (isOpen) {
      const sweep = this._source.sweeps.find(id);
      const members = this._makePages(
        { sweep: id, with_reused: true },
        sweep === undefined ? [] : probableNumbers(sweep),
        () => this._opened.get(id) === members
      );
      this._opened.set(id, members);
      void members.refresh().then(
        () => this._source.changed(),
        // The poll says why the server does not answer.
        () => undefined
      );
    } else if (old !== undefined) {
      this._opened.delete(id);
      this._rows.close(old);
    }
    this._source.changed();
  }

  /**
   * Give a sweep the place of its first execution.
   *
   * @param before - where it stood; undefined when it is new.
   * @param now - where it stands.
   */
  move(
    before: SweepSummary | undefined,
    { first_number: first, notebook_path }: SweepSummary
  ): void {
    const old = before?.first_number ?? null;
    if (!isGrouped(this._filter) || (old === first && old !== null)) {
      return;
    }
    if (old !== null) {
      this._list.remove(old);
    }
    const { notebook } = this._filter;
    if (first !== null && (notebook ?? notebook_path) === notebook_path) {
      this._list.add(first);
    }
    this._source.changed();
  }

  private _makeList(numbers: number[]): PagedList {
    const list: PagedList = this._makePages(
      toQuery(this._filter),
      numbers,
      () => list === this._list
    );
    return list;
  }

  private _makePages(
    query: IListQuery,
    numbers: number[],
    isShown: () => boolean
  ): PagedList {
    const { answered, catalogue, fetch } = this._source;
    return new PagedList(
      {
        list: page => fetch({ ...query, ...page }),
        find: number => catalogue.find(number),
        changed: error => {
          if (isShown()) {
            answered(error);
          }
        }
      },
      numbers
    );
  }

  private _makeRows(): GroupedRows {
    const sweeps = isGrouped(this._filter) ? this._source.sweeps : null;
    return new GroupedRows(this._list, this._opened, sweeps);
  }

  /** Whether an execution has a row of its own, or stands for its sweep, in grouped lists. */
  private _isRow({ number, sweep_id }: Execution): boolean {
    return sweep_id === null || this._source.sweeps.at(number) !== undefined;
  }

  private _filter = NO_FILTER;
  private _list: PagedList;
  private _opened = new Map<string, PagedList>();
  private _rows: GroupedRows;
}

/** A namespace for `ShownList` statics. */
export namespace ShownList {
  /** What the list needs. */
  export interface ISource {
    /** What is known of executions. */
    readonly catalogue: Catalogue;

    /** Where sweeps stand. */
    readonly sweeps: Sweeps;

    /** Ask the server for a page. */
    readonly fetch: (query: IListQuery) => Promise<ExecutionPage>;

    /** A page came that shows, or why it did not. */
    readonly answered: (error: Error | null) => void;

    /** Other rows show. */
    readonly changed: () => void;
  }
}

/** The numbers of a sweep that nothing was added to; at first there is a row for each. */
function probableNumbers(sweep: SweepSummary): number[] {
  const { counts, first_number: first, last_number: last, n_reused } = sweep;
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return first === null ||
    last === null ||
    n_reused > 0 ||
    last - first + 1 !== total
    ? []
    : Array.from({ length: total }, (_, place) => last - place);
}
