/**
 * What the front end may ask of the server extension.
 */
import type { ServerConnection } from '@jupyterlab/services';

import type {
  Artifact,
  Backend,
  Collection,
  Comparison,
  Curve,
  Execution,
  ExecutionEdit,
  ExecutionKey,
  ExecutionPage,
  Goal,
  LogPiece,
  MetricsPiece,
  NotebookJSON,
  ParameterList,
  Parameters,
  Preset,
  Receipt,
  Rerun,
  Retention,
  ServerStatus,
  Sweep,
  SweepDefinition,
  SweepPlan,
  SweepSubmission,
  SweepSummary,
  Submission
} from './types';

/** Which executions to list. */
export interface IListQuery {
  /** Only this notebook path. */
  notebook?: string;
  /** Only these statuses, separated by commas. */
  status?: string;
  /** Free text, or `#42`. */
  q?: string;
  /** Only this sweep. */
  sweep?: string;
  /** With `sweep`: earlier results that count as its own as well. */
  with_reused?: boolean;
  /** Only executions of no sweep. */
  single?: boolean;
  /** Of each sweep only its first execution, and the sweep itself. */
  grouped?: boolean;
  /** Only this tag. */
  tag?: string;
  /** Only starred ones, or only those that are not. */
  starred?: boolean;
  /** Order; newest first by default. */
  sort?: 'number' | '-number';
  /** At most so many; 1 to 200. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

/** Which executions are compared. */
export interface ICompareQuery {
  /** Numbers, ids and ranges of numbers, such as `3,7-12`. */
  ids?: string;
  /** All executions of this sweep. */
  sweep?: string;
}

/** What the rest of the front end may ask of the server. */
export interface IExecutionsClient {
  /** How the server is reached. */
  readonly serverSettings: ServerConnection.ISettings;

  /** How far the server's clock is ahead of ours, in milliseconds. */
  readonly clockOffset: number;

  /** Seal a notebook as it is now and queue it. */
  submit(submission: Submission): Promise<Execution>;

  /** The same, unless it is known to have succeeded before. */
  submitIfNew(
    submission: Submission
  ): Promise<{ accepted: Execution } | { same: Execution }>;

  /** One page of executions. */
  list(query?: IListQuery): Promise<ExecutionPage>;

  /** One execution. */
  get(id: ExecutionKey): Promise<Execution>;

  /** Change title, note, tags or star. */
  edit(id: ExecutionKey, edit: ExecutionEdit): Promise<Execution>;

  /** Move to the trash. */
  delete(id: ExecutionKey): Promise<void>;

  /** Take back out of the trash. */
  undoDelete(id: ExecutionKey): Promise<Execution>;

  /** Ask for the end. */
  cancel(id: ExecutionKey): Promise<Execution>;

  /** Run the same snapshot again, with the same or other parameters. */
  rerun(id: ExecutionKey, rerun?: Rerun): Promise<Execution>;

  /** Write the source notebook into a new file; resolves to its path. */
  restore(id: ExecutionKey, folder?: string): Promise<string>;

  /** Keep for ever, or no longer. */
  pin(id: ExecutionKey, pinned: boolean): Promise<Execution>;

  /** The executed notebook (what is there so far), or its source. */
  getNotebook(
    id: ExecutionKey,
    version?: 'output' | 'source'
  ): Promise<NotebookJSON>;

  /** Where the notebook can be downloaded or shown as a page. */
  notebookUrl(
    id: ExecutionKey,
    options?: {
      version?: 'output' | 'source';
      format?: 'ipynb' | 'html';
      download?: boolean;
    }
  ): string;

  /** A piece of what the notebook printed; a negative offset counts from the end. */
  getLog(
    id: ExecutionKey,
    piece?: { offset?: number; limit?: number }
  ): Promise<LogPiece>;

  /** The files it produced. */
  listArtifacts(id: ExecutionKey): Promise<Artifact[]>;

  /** Where the bytes of an artifact are. */
  artifactUrl(id: ExecutionKey, name: string, download?: boolean): string;

  /** Everything that made the execution. */
  getReceipt(id: ExecutionKey): Promise<Receipt>;

  /** The declared parameters of a saved notebook. */
  getParameters(path: string): Promise<ParameterList>;

  /** The declared parameters of a notebook as it is in memory. */
  findParameters(path: string, notebook: NotebookJSON): Promise<ParameterList>;

  /** A sweep with all its executions. */
  getSweep(id: string): Promise<Sweep>;

  /** Executions side by side, and what differs between them. */
  compare(query: ICompareQuery): Promise<Comparison>;

  /**
   * One metric of several executions.
   *
   * @param ids - as for `compare`; at most 100 executions.
   * @param name - the metric.
   * @param maxPoints - at most so many points of each.
   */
  getCurves(ids: string, name: string, maxPoints: number): Promise<Curve[]>;

  /** The points of its metrics; with a cursor, those that are new. */
  getMetrics(
    id: ExecutionKey,
    options?: { maxPoints?: number; cursor?: string }
  ): Promise<MetricsPiece>;

  /** Which metric counts, by path of the notebook. */
  getGoals(): Promise<Record<string, Goal>>;

  /** Say which metric counts for a notebook; `null` forgets it. */
  setGoal(path: string, goal: Goal | null): Promise<Goal | null>;

  /** Where sweeps stand; those that are none are left out. */
  listSweeps(ids: readonly string[]): Promise<SweepSummary[]>;

  /** Seal a notebook once and queue it with many sets of parameters. */
  submitSweep(submission: SweepSubmission): Promise<Sweep>;

  /** What a sweep would be; nothing is accepted. */
  planSweep(submission: SweepSubmission): Promise<SweepPlan>;

  /** Ask for the end of a sweep, or only of what waits. */
  cancelSweep(id: string, onlyWaiting?: boolean): Promise<Sweep>;

  /** Run again what failed in a sweep. */
  retrySweep(id: string): Promise<Sweep>;

  /** Add executions to a sweep. */
  addToSweep(id: string, definition: SweepDefinition): Promise<Sweep>;

  /** What would be added to a sweep; nothing is. */
  planAddition(id: string, definition: SweepDefinition): Promise<SweepPlan>;

  /** Move a sweep to the trash. */
  deleteSweep(id: string): Promise<void>;

  /** Take a sweep back out of the trash. */
  undoDeleteSweep(id: string): Promise<SweepSummary>;

  /** The presets of a notebook, by name. */
  getPresets(path: string): Promise<readonly Preset[]>;

  /**
   * Keep values under a name.
   *
   * @param path - Jupyter path of the notebook.
   * @param name - in place of what it meant before.
   * @param parameters - the values.
   * @param notebook - as it is in memory; its comments tell its secrets.
   */
  setPreset(
    path: string,
    name: string,
    parameters: Parameters,
    notebook: NotebookJSON
  ): Promise<void>;

  /** Forget a preset. */
  deletePreset(path: string, name: string): Promise<void>;

  /** Remove what may go, or, unless `dry_run` is false, say what that would be. */
  makeRoom(retention: Retention): Promise<Collection>;

  /**
   * Where executions can run, and whether a notebook can.
   *
   * @param kernelName - its kernel; left out, that of notebooks that name none.
   */
  getBackends(kernelName?: string): Promise<Backend[]>;

  /** Queue, slots, disk use, version. */
  getStatus(): Promise<ServerStatus>;

  /** Change the number of slots. */
  setSlots(slots: number): Promise<ServerStatus>;
}
