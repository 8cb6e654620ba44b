/**
 * What the sidebar is being used for right now; gone with the page.
 */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** How long a deletion can be taken back in its place. */
const UNDO_MS = 10_000;

/** What went to the trash. */
export interface IDeleted {
  /** The id of the execution, or of the sweep. */
  readonly id: string;

  /** Its numbers, as they are shown. */
  readonly label: string;

  /** Whether it is a sweep. */
  readonly isSweep: boolean;
}

/** Selection, row being renamed, log being read, deletion to take back. */
export class SidebarState {
  /** The id of the row the keys act on. */
  get selectedId(): string | null {
    return this._selectedId;
  }

  /** The ids of the rows that were chosen together, to be compared. */
  get chosenIds(): ReadonlySet<string> {
    return this._chosenIds;
  }

  /** The id of the sweep below whose row the selected one stands, if told. */
  get within(): string | null {
    return this._within;
  }

  /** The id of the row whose title is being edited. */
  get renamingId(): string | null {
    return this._renamingId;
  }

  /** The id of the execution whose log is open. */
  get peekedId(): string | null {
    return this._peekedId;
  }

  /** What was deleted last, a moment ago, and not taken back. */
  get deleted(): IDeleted | null {
    return this._deleted[this._deleted.length - 1] ?? null;
  }

  /** Why the last action failed, as a sentence. */
  get problem(): string | null {
    return this._problem;
  }

  /** Counts the wishes to have the selected row focused. */
  get focusRequests(): number {
    return this._focusRequests;
  }

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /**
   * Select a row.
   *
   * @param id - its execution, or its sweep.
   * @param within - the sweep below whose row it stands.
   */
  select(id: string | null, within: string | null = null): void {
    if (this._selectedId !== id || this._within !== within) {
      this._selectedId = id;
      this._within = within;
      this._changed.emit();
    }
  }

  /**
   * Choose rows together, in place of those chosen before.
   *
   * @param ids - their executions; none ends it.
   */
  choose(ids: Iterable<string>): void {
    const chosen = new Set(ids);
    if (chosen.size > 0 || this._chosenIds.size > 0) {
      this._chosenIds = chosen;
      this._changed.emit();
    }
  }

  /**
   * Choose one more row, or one less.
   *
   * @param id - its execution.
   * @param within - the sweep below whose row it stands.
   */
  toggle(id: string, within: string | null = null): void {
    const chosen = new Set(this._chosenIds);
    if (!chosen.delete(id)) {
      chosen.add(id);
    }
    this._selectedId = id;
    this._within = within;
    this.choose(chosen);
  }

  /**
   * Select a row and give it the focus.
   *
   * @param id - its execution, or its sweep.
   * @param within - the sweep below whose row it stands; as before, if it is
   *   the selected row.
   */
  focus(
    id: string,
    within: string | null = id === this._selectedId ? this._within : null
  ): void {
    this._selectedId = id;
    this._within = within;
    this._focusRequests += 1;
    this._changed.emit();
  }

  /**
   * Begin or, with `null`, end editing a title.
   *
   * @param id - its execution.
   */
  rename(id: string | null): void {
    this._renamingId = id;
    this._selectedId = id ?? this._selectedId;
    this._changed.emit();
  }

  /**
   * Open a log or, with `null`, close it.
   *
   * @param id - its execution.
   */
  peek(id: string | null): void {
    this._peekedId = id;
    this._changed.emit();
  }

  /**
   * Offer to take a deletion back, for a while; those before it as well.
   *
   * @param deleted - what was deleted.
   */
  offerUndo(deleted: IDeleted): void {
    this._deleted.push(deleted);
    if (deleted.id === this._peekedId) {
      this._peekedId = null;
    }
    this._waitForUndo();
  }

  /**
   * One deletion needs no undoing any more; the one before it is offered next.
   *
   * @param id - its execution or sweep.
   */
  settleUndo(id: string): void {
    this._deleted = this._deleted.filter(deleted => deleted.id !== id);
    this._waitForUndo();
  }

  /** End the offer. */
  endUndo(): void {
    this._deleted = [];
    this._waitForUndo();
  }

  /**
   * Say what went wrong, until the next action.
   *
   * @param problem - a sentence.
   */
  complain(problem: string | null): void {
    if (this._problem !== problem) {
      this._problem = problem;
      this._changed.emit();
    }
  }

  private _waitForUndo(): void {
    window.clearTimeout(this._undoTimer);
    if (this._deleted.length > 0) {
      this._undoTimer = window.setTimeout(() => this.endUndo(), UNDO_MS);
    }
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _chosenIds: ReadonlySet<string> = new Set();
  private _deleted: IDeleted[] = [];
  private _focusRequests = 0;
  private _peekedId: string | null = null;
  private _problem: string | null = null;
  private _renamingId: string | null = null;
  private _selectedId: string | null = null;
  private _undoTimer = 0;
  private _within: string | null = null;
}
