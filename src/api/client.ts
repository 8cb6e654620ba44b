/**
 * The REST calls of the server extension, one method each.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

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
  Problem,
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

/** The server refused; `message` is a sentence for people. */
export class ProblemError extends Error {
  /**
   * @param status - the HTTP status.
   * @param problem - the body of the answer.
   */
  constructor(
    readonly status: number,
    problem: Problem
  ) {
    super(problem.message);
    this.name = 'ProblemError';
    this.reason = problem.reason;
    this.details = problem.details;
  }

  /** Machine-readable kind, such as `kernel_missing`. */
  readonly reason: string;

  /** Facts that belong to the reason. */
  readonly details: Problem['details'];
}

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

/**
 * Talks to the server extension with JupyterLab's own connection.
 *
 * #### Notes
 * Every method rejects with `ProblemError` when the server refuses and with
 * `ServerConnection.NetworkError` when it cannot be reached.
 */
export class ExecutionsClient implements IExecutionsClient {
  /**
   * @param serverSettings - how the server is reached; JupyterLab's by default.
   */
  constructor(serverSettings?: ServerConnection.ISettings) {
    this.serverSettings = serverSettings ?? ServerConnection.makeSettings();
  }

  readonly serverSettings: ServerConnection.ISettings;

  get clockOffset(): number {
    return this._clockOffset;
  }

  submit(submission: Submission): Promise<Execution> {
    return this._send('POST', 'executions', submission);
  }

  async submitIfNew(
    submission: Submission
  ): Promise<{ accepted: Execution } | { same: Execution }> {
    const body = { ...submission, unless_same: true };
    const answer = await this._send<Execution | { same_as: Execution }>(
      'POST',
      'executions',
      body
    );
    return 'same_as' in answer
      ? { same: answer.same_as }
      : { accepted: answer };
  }

  list(query: IListQuery = {}): Promise<ExecutionPage> {
    return this._send('GET', `executions${toQueryString({ ...query })}`);
  }

  get(id: ExecutionKey): Promise<Execution> {
    return this._send('GET', `executions/${id}`);
  }

  edit(id: ExecutionKey, edit: ExecutionEdit): Promise<Execution> {
    return this._send('PATCH', `executions/${id}`, edit);
  }

  async delete(id: ExecutionKey): Promise<void> {
    await this._send('DELETE', `executions/${id}`);
  }

  undoDelete(id: ExecutionKey): Promise<Execution> {
    return this.edit(id, { deleted: false });
  }

  cancel(id: ExecutionKey): Promise<Execution> {
    return this._send('POST', `executions/${id}/cancel`);
  }

  rerun(id: ExecutionKey, rerun: Rerun = {}): Promise<Execution> {
    return this._send('POST', `executions/${id}/rerun`, rerun);
  }

  async restore(id: ExecutionKey, folder?: string): Promise<string> {
    const body = folder === undefined ? {} : { folder };
    const { path } = await this._send<{ path: string }>(
      'POST',
      `executions/${id}/restore`,
      body
    );
    return path;
  }

  pin(id: ExecutionKey, pinned: boolean): Promise<Execution> {
    return this._send('POST', `executions/${id}/pin`, { pinned });
  }

  getNotebook(
    id: ExecutionKey,
    version: 'output' | 'source' = 'output'
  ): Promise<NotebookJSON> {
    return this._send(
      'GET',
      `executions/${id}/notebook${toQueryString({ version })}`
    );
  }

  notebookUrl(
    id: ExecutionKey,
    options: {
      version?: 'output' | 'source';
      format?: 'ipynb' | 'html';
      download?: boolean;
    } = {}
  ): string {
    return this._url(`executions/${id}/notebook${toQueryString(options)}`);
  }

  getLog(
    id: ExecutionKey,
    piece: { offset?: number; limit?: number } = {}
  ): Promise<LogPiece> {
    return this._send('GET', `executions/${id}/log${toQueryString(piece)}`);
  }

  async listArtifacts(id: ExecutionKey): Promise<Artifact[]> {
    const { artifacts } = await this._send<{ artifacts: Artifact[] }>(
      'GET',
      `executions/${id}/artifacts`
    );
    return artifacts;
  }

  artifactUrl(id: ExecutionKey, name: string, download = false): string {
    const path = `executions/${id}/artifacts/${URLExt.encodeParts(name)}`;
    return this._url(download ? `${path}?download=true` : path);
  }

  getReceipt(id: ExecutionKey): Promise<Receipt> {
    return this._send('GET', `executions/${id}/receipt`);
  }

  getParameters(path: string): Promise<ParameterList> {
    return this._send('GET', notebookPath(path, 'parameters'));
  }

  findParameters(path: string, notebook: NotebookJSON): Promise<ParameterList> {
    return this._send('POST', notebookPath(path, 'parameters'), { notebook });
  }

  getSweep(id: string): Promise<Sweep> {
    return this._send('GET', `sweeps/${id}`);
  }

  compare(query: ICompareQuery): Promise<Comparison> {
    return this._send('GET', `compare${toQueryString({ ...query })}`);
  }

  async getCurves(
    ids: string,
    name: string,
    max_points: number
  ): Promise<Curve[]> {
    const query = toQueryString({ ids, name, max_points });
    const { curves } = await this._send<{ curves: Curve[] }>(
      'GET',
      `compare/curves${query}`
    );
    return curves;
  }

  getMetrics(
    id: ExecutionKey,
    options: { maxPoints?: number; cursor?: string } = {}
  ): Promise<MetricsPiece> {
    const { cursor, maxPoints: max_points } = options;
    const query = toQueryString({ max_points, cursor });
    return this._send('GET', `executions/${id}/metrics${query}`);
  }

  async getGoals(): Promise<Record<string, Goal>> {
    const { goals } = await this._send<{ goals: Record<string, Goal> }>(
      'GET',
      'goals'
    );
    return goals;
  }

  setGoal(path: string, goal: Goal | null): Promise<Goal | null> {
    return this._send('PUT', notebookPath(path, 'goal'), goal);
  }

  async getPresets(path: string): Promise<readonly Preset[]> {
    const { presets } = await this._send<{ presets: Preset[] }>(
      'GET',
      notebookPath(path, 'presets')
    );
    return presets;
  }

  async setPreset(
    path: string,
    name: string,
    parameters: Parameters,
    notebook: NotebookJSON
  ): Promise<void> {
    const place = `${notebookPath(path, 'presets')}/${encodeURIComponent(name)}`;
    await this._send('PUT', place, { parameters, notebook });
  }

  async deletePreset(path: string, name: string): Promise<void> {
    const place = `${notebookPath(path, 'presets')}/${encodeURIComponent(name)}`;
    await this._send('DELETE', place);
  }

  makeRoom(retention: Retention): Promise<Collection> {
    return this._send('POST', 'gc', retention);
  }

  async listSweeps(ids: readonly string[]): Promise<SweepSummary[]> {
    const { sweeps } = await this._send<{ sweeps: SweepSummary[] }>(
      'GET',
      `sweeps?ids=${ids.join(',')}`
    );
    return sweeps;
  }

  submitSweep(submission: SweepSubmission): Promise<Sweep> {
    return this._send('POST', 'sweeps', submission);
  }

  planSweep(submission: SweepSubmission): Promise<SweepPlan> {
    return this._send('POST', 'sweeps', { ...submission, dry_run: true });
  }

  cancelSweep(id: string, onlyWaiting = false): Promise<Sweep> {
    const body = { only_waiting: onlyWaiting };
    return this._send('POST', `sweeps/${id}/cancel`, body);
  }

  retrySweep(id: string): Promise<Sweep> {
    return this._send('POST', `sweeps/${id}/retry`);
  }

  addToSweep(id: string, definition: SweepDefinition): Promise<Sweep> {
    return this._send('POST', `sweeps/${id}/add`, definition);
  }

  planAddition(id: string, definition: SweepDefinition): Promise<SweepPlan> {
    const body = { ...definition, dry_run: true };
    return this._send('POST', `sweeps/${id}/add`, body);
  }

  async deleteSweep(id: string): Promise<void> {
    await this._send('DELETE', `sweeps/${id}`);
  }

  undoDeleteSweep(id: string): Promise<SweepSummary> {
    return this._send('PATCH', `sweeps/${id}`, { deleted: false });
  }

  async getBackends(kernel_name?: string): Promise<Backend[]> {
    const { backends } = await this._send<{ backends: Backend[] }>(
      'GET',
      `backends${toQueryString({ kernel_name })}`
    );
    return backends;
  }

  getStatus(): Promise<ServerStatus> {
    return this._send('GET', 'status');
  }

  setSlots(slots: number): Promise<ServerStatus> {
    return this._send('PATCH', 'status', { slots });
  }

  private _url(path: string): string {
    return URLExt.join(this.serverSettings.baseUrl, 'async-exec', path);
  }

  private async _send<T>(
    method: string,
    path: string,
    body?: unknown
  ): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
    }
    const response = await ServerConnection.makeRequest(
      this._url(path),
      init,
      this.serverSettings
    );
    this._readClock(response);
    if (!response.ok) {
      throw new ProblemError(response.status, await readProblem(response));
    }
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  private _readClock(response: Response): void {
    const date = response.headers.get('Date');
    const offset = date === null ? NaN : Date.parse(date) - Date.now();
    // The header has whole seconds only: smaller differences mean nothing.
    this._clockOffset = Math.abs(offset) > 2000 ? offset : 0;
  }

  private _clockOffset = 0;
}

function notebookPath(
  path: string,
  what: 'goal' | 'parameters' | 'presets'
): string {
  return `notebooks/${URLExt.encodeParts(path)}/${what}`;
}

function toQueryString(
  query: Record<string, string | number | boolean | undefined>
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** Proxies in between answer with pages of their own, hence the fallback. */
async function readProblem(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    if (typeof body.message === 'string') {
      return {
        message: body.message,
        reason: body.reason ?? 'unknown',
        details: body.details ?? {}
      };
    }
  } catch {
    // Not JSON: the status line has to do.
  }
  return {
    message: `${response.status} ${response.statusText}`,
    reason: 'unknown',
    details: {}
  };
}
