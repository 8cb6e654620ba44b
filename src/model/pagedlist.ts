/**
 * Fetches the parts of the list that are looked at, a little ahead of the eye.
 */
import type { IListQuery } from '../api/client';
import type { Execution, ExecutionPage } from '../api/types';
import type { IListPlace } from '../tokens';
import type { IPageRequest } from './executionlist';
import { ExecutionList, PAGE_SIZE } from './executionlist';

/** So many rows beyond what shows are fetched in the direction of scrolling. */
const AHEAD = 300;

/** So many are kept on the other side. */
const BEHIND = 40;

/** So many rows at once are a leap: the thumb of the scrollbar is dragged. */
const LEAP = 100;

/** What is leapt over is not fetched: the thumb must rest for so long. */
const REST_MS = 80;

/** Where rows come from. */
export interface IRowSource {
  /** Ask the server, with the filter of this list, and note the answer. */
  list(query: IListQuery): Promise<ExecutionPage>;

  /** What is known of an execution. */
  find(number: number): Execution | undefined;

  /** Rows came in, or could not be fetched. */
  changed(error: Error | null): void;
}

/** The rows that one filter lets through. */
export class PagedList {
  /**
   * @param source - where rows come from.
   * @param numbers - what is known already, falling: it bridges the time until
   *   the server answers.
   */
  constructor(source: IRowSource, numbers: number[] = []) {
    this._source = source;
    this._list.reset(numbers);
  }

  get length(): number {
    return this._list.length;
  }

  get isComplete(): boolean {
    return this._hasTop && this._list.isComplete;
  }

  get revision(): number {
    return this._revision;
  }

  at(position: number): Pick<IListPlace, 'number' | 'execution'> {
    const number = this._list.at(position);
    const execution =
      number === null ? null : (this._source.find(number) ?? null);
    return { number, execution };
  }

  positionOf(number: number): number {
    return this._list.positionOf(number);
  }

  /**
   * Whether an execution is on the list.
   *
   * @param number - its number.
   */
  has(number: number): boolean {
    return this._list.has(number);
  }

  /**
   * Put a row in its place.
   *
   * @param number - its number.
   */
  add(number: number): void {
    this._list.add(number);
    this._revision += 1;
    if (!this._hasTop) {
      this._early.push(number);
    }
  }

  /**
   * Take a row out.
   *
   * @param number - its number.
   */
  remove(number: number): void {
    this._list.remove(number);
    this._early = this._early.filter(early => early !== number);
    this._revision += 1;
  }

  /** Fetch the first page, which is never far from what people look at. */
  async refresh(): Promise<readonly Execution[]> {
    const isFirst = !this._hasTop;
    const newestThen = isFirst ? 0 : this._list.newest;
    const limit = PAGE_SIZE / 2;
    const page = await this._source.list({ limit });
    if (isFirst) {
      this._hasTop = true;
      this._list.reset([]);
    }
    this._list.coverTop(page, newestThen);
    // They may have come in while the page was on its way.
    this._early.splice(0).forEach(number => this._list.add(number));
    this._revision += 1;
    if (isFirst && page.next_cursor !== null) {
      await this._findOldest();
    }
    // What could not be fetched before may be there now.
    void this._load();
    return page.executions;
  }

  /**
   * Say which rows are looked at; they and their neighbours are fetched.
   *
   * @param first - position of the first row.
   * @param end - one after the last.
   */
  look(first: number, end: number): void {
    const step = first - this._first;
    if (step !== 0) {
      this._isUp = step < 0;
    }
    this._first = first;
    this._end = end;
    if (Math.abs(step) > LEAP) {
      window.clearTimeout(this._rest);
      this._rest = window.setTimeout(() => {
        this._rest = 0;
        void this._load();
      }, REST_MS);
    } else if (this._rest === 0) {
      void this._load();
    }
  }

  /** How far the list goes down: the end is known from the start. */
  private async _findOldest(): Promise<void> {
    const request: IPageRequest = { sort: 'number', after: 0 };
    const answer = await this._source.list({ sort: 'number', limit: 1 });
    this._list.coverPage(request, answer);
    this._revision += 1;
  }

  private async _load(): Promise<void> {
    if (this._isLoading || !this._hasTop || this._end === 0) {
      return;
    }
    this._isLoading = true;
    try {
      // What is looked at may be something else after every answer.
      for (let at = this._missing(); at !== null; at = this._missing()) {
        await this._fetch(this._list.requestFor(at, this._isUp));
        this._source.changed(null);
      }
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this._source.changed(reason);
    } finally {
      this._isLoading = false;
    }
  }

  private async _fetch(request: IPageRequest): Promise<void> {
    const { after, sort } = request;
    const query = { sort, cursor: String(after), limit: PAGE_SIZE };
    const page = await this._source.list(query);
    this._list.coverPage(request, page);
    this._revision += 1;
  }

  /** The row to fetch next: in sight first, then where the eye is going. */
  private _missing(): number | null {
    const { _first: first, _end: end } = this;
    const isMissing = (position: number): boolean =>
      position >= 0 &&
      position < this.length &&
      this.at(position).execution === null;
    const up = this._isUp ? AHEAD : BEHIND;
    const down = this._isUp ? BEHIND : AHEAD;
    for (let position = first; position < end; position++) {
      if (isMissing(position)) {
        return position;
      }
    }
    for (let step = 1; step <= AHEAD; step++) {
      if (step <= down && isMissing(end - 1 + step)) {
        return end - 1 + step;
      }
      if (step <= up && isMissing(first - step)) {
        return first - step;
      }
    }
    return null;
  }

  private _early: number[] = [];
  private _end = 0;
  private _first = 0;
  private _hasTop = false;
  private _isLoading = false;
  private _isUp = false;
  private _list = new ExecutionList();
  private _rest = 0;
  private _revision = 0;
  private _source: IRowSource;
}
