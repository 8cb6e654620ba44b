/**
 * What this package offers to other extensions, and its rooms to each other.
 */
import { Token } from '@lumino/coreutils';
import type { IDisposable, IObservableDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { ReactNode } from 'react';

import type { IExecutionsClient } from './api/client';
import type {
  Execution,
  ExecutionKey,
  Goal,
  Status,
  SweepSummary
} from './api/types';

/** Whose settings, words and plugins these are. */
export const PLUGIN_ID = 'jupyter_async_exec:plugin';

/** The settings domain and the name of the translation bundle. */
export const TRANSLATION_DOMAIN = 'jupyter_async_exec';

/** Which executions the list holds. */
export interface IExecutionsFilter {
  /** Only this notebook path; `null` for all. */
  readonly notebook: string | null;

  /** Only these statuses; empty for all. */
  readonly statuses: readonly Status[];

  /** Free text, answered by the server. */
  readonly q: string;
}

/** One place of the list. */
export interface IListPlace {
  /** Whose place it is, if that is known. */
  readonly number: number | null;

  /** Its record; `null` while it is on its way, and for sweeps. */
  readonly execution: Execution | null;

  /** The sweep that this one row stands for. */
  readonly sweep: SweepSummary | null;

  /** The id of the sweep below whose row it stands. */
  readonly within: string | null;
}

/** All rows that the filter lets through, newest first, by position. */
export interface IExecutionRows {
  /** How many; partly guessed until `isComplete`. */
  readonly length: number;

  /** Whether all of them are known by number. */
  readonly isComplete: boolean;

  /** Grows whenever rows come in, go or move. */
  readonly revision: number;

  /**
   * What is at a position.
   *
   * @param position - from 0 to less than `length`.
   */
  at(position: number): IListPlace;

  /**
   * Where a row is, or would be.
   *
   * @param number - the number of its execution, or the first of its sweep.
   * @param within - the id of the sweep below whose row it stands.
   */
  positionOf(number: number, within?: string | null): number;
}

/** What changed in the model. */
export type ExecutionsChange =
  /** One known execution has news, or was learnt of. */
  | { readonly type: 'execution'; readonly execution: Execution }
  /** One sweep has news. */
  | { readonly type: 'sweep'; readonly sweep: SweepSummary }
  /** One execution is in the trash. */
  | { readonly type: 'removed'; readonly id: string }
  /** The list, its filter, its loading state or its error. */
  | { readonly type: 'list' };

/** The sweeps the front end knows. */
export interface ISweeps {
  /** Emitted with each sweep that has news. */
  readonly changed: ISignal<ISweeps, SweepSummary>;

  /** Emitted once when the last execution of a sweep ends before our eyes. */
  readonly over: ISignal<ISweeps, SweepSummary>;

  /** The sweep, if it is known here; costs nothing. */
  find(id: string): SweepSummary | undefined;

  /** Ask the server where a sweep stands. */
  fetch(id: string): Promise<void>;

  /** Ask again about all of them: something they are judged by is new. */
  askAgain(): void;

  /**
   * Whether the executions of a sweep are listed below its row.
   *
   * @param id - its id.
   */
  isOpen(id: string): boolean;

  /**
   * List the executions of a sweep below its row, or no longer.
   *
   * @param id - its id.
   * @param isOpen - whether to list them.
   */
  setOpen(id: string, isOpen: boolean): void;

  /** Move to the trash, here at once. */
  remove(id: string): Promise<void>;

  /** Take back out of the trash. */
  undoRemove(id: string): Promise<void>;
}

/** The executions the front end knows: the only state there is. */
export interface IExecutionsModel extends IObservableDisposable {
  /** The REST calls. */
  readonly client: IExecutionsClient;

  /** Emitted after every change. */
  readonly changed: ISignal<IExecutionsModel, ExecutionsChange>;

  /**
   * Emitted once when an execution ends before our eyes, with its full record;
   * never for those that were over when the page was loaded.
   */
  readonly finished: ISignal<IExecutionsModel, Execution>;

  /** Resolves after the first successful load. */
  readonly ready: Promise<void>;

  /** Where sweeps stand. */
  readonly sweeps: ISweeps;

  /** What the filter lets through; fetched where it is looked at. */
  readonly executions: IExecutionRows;

  /** Which executions the list holds; set it to list others. */
  filter: IExecutionsFilter;

  /** Whether the first page is on its way. */
  readonly isLoading: boolean;

  /** Why the last fetch failed; `null` when it did not. */
  readonly error: Error | null;

  /** Milliseconds since the epoch on the server's clock. */
  now(): number;

  /**
   * Seconds that the newest succeeded execution of a notebook took, if known.
   *
   * @param path - path of the notebook.
   */
  usualDuration(path: string): number | null;

  /** Put in at once what a POST or PATCH answered. */
  submitted(execution: Execution): void;

  /** The execution if it is known here; costs nothing. */
  find(key: ExecutionKey): Execution | undefined;

  /**
   * The execution, known or fetched.
   *
   * @throws `ProblemError` when there is none.
   */
  get(key: ExecutionKey): Promise<Execution>;

  /**
   * Say which rows of the list are looked at; what is missing is fetched.
   *
   * @param first - position of the first row.
   * @param end - one after the last.
   */
  look(first: number, end: number): void;

  /** Fetch what is on the list again; calls in between become one. */
  refresh(): Promise<void>;

  /** Move to the trash, here at once. */
  remove(id: string): Promise<void>;

  /** Take back out of the trash. */
  undoRemove(id: string): Promise<Execution>;
}

/** The executions the front end knows. */
export const IExecutionsModel = new Token<IExecutionsModel>(
  'jupyter_async_exec:IExecutionsModel',
  'The executions the front end knows, live.'
);

/** Which metric counts, for each notebook; the person names it once. */
export interface IGoals {
  /** Emitted after every change. */
  readonly changed: ISignal<IGoals, void>;

  /**
   * The goal of a notebook; `null` while nobody named one.
   *
   * @param path - path of the notebook.
   */
  find(path: string): Goal | null;

  /**
   * Name the goal of a notebook, or forget it.
   *
   * @param path - path of the notebook.
   * @param goal - `null` forgets it.
   */
  set(path: string, goal: Goal | null): Promise<void>;

  /** Fetch all again. */
  refresh(): Promise<void>;
}

/** Which metric counts, for each notebook. */
export const IGoals = new Token<IGoals>(
  'jupyter_async_exec:IGoals',
  'Knows which metric tells good executions of a notebook from bad ones.'
);

/** One value at the right of a row. */
export interface IColumn {
  /** Unique name. */
  readonly id: string;

  /** What it shows, in words; for screen readers and menus. */
  readonly label: string;

  /** Order from left to right. */
  readonly rank: number;

  /**
   * What to show; `null` for nothing.
   *
   * @param execution - the row.
   * @param now - milliseconds on the server's clock.
   */
  render(execution: Execution, now: number): ReactNode;
}

/** Where columns of the sidebar are added. */
export interface IColumnRegistry {
  /** By rank. */
  readonly columns: readonly IColumn[];

  /** Emitted after every change. */
  readonly changed: ISignal<IColumnRegistry, void>;

  /**
   * Add a column.
   *
   * @returns Dispose it to take the column away.
   */
  register(column: IColumn): IDisposable;
}

/** Where columns of the sidebar are added. */
export const IColumnRegistry = new Token<IColumnRegistry>(
  'jupyter_async_exec:IColumnRegistry',
  'A registry of values to show in the rows of the sidebar.'
);

/** A channel that reaches the person at this browser. */
export interface INotifier {
  /** Unique name. */
  readonly id: string;

  /**
   * Whether it could reach the person now; always, when left out. While no
   * notifier can, news is kept until the page is seen again.
   */
  canNotify?(): boolean;

  /**
   * Tell that executions are over.
   *
   * @param executions - one or several that ended close together.
   */
  notify(executions: readonly Execution[]): void | Promise<void>;

  /**
   * Tell that a sweep is over, or goes on although something in it failed; it
   * is told of no execution of a sweep otherwise.
   *
   * @param sweep - as it is now.
   */
  notifySweep?(sweep: SweepSummary): void | Promise<void>;
}

/** Where notifiers are added. */
export interface INotifierRegistry {
  /** In the order of their registration. */
  readonly notifiers: readonly INotifier[];

  /**
   * Add a notifier.
   *
   * @returns Dispose it to take the notifier away.
   */
  register(notifier: INotifier): IDisposable;
}

/** Where notifiers are added. */
export const INotifierRegistry = new Token<INotifierRegistry>(
  'jupyter_async_exec:INotifierRegistry',
  'A registry of channels that tell when executions are over.'
);

/** Knows which results are on the screen. */
export interface IResultTracker {
  /**
   * Whether the result of an execution is in front of the user now.
   *
   * @param executionId - the full id.
   */
  isVisible(executionId: string): boolean;
}

/** Knows which results are on the screen. */
export const IResultTracker = new Token<IResultTracker>(
  'jupyter_async_exec:IResultTracker',
  'Tells which results are on the screen, so that nobody is told twice.'
);
