/**
 * The REST calls of the server extension, one method each.
 */
import { URLExt } from '@jupyterlab/coreutils';

import type { ICompareQuery, IExecutionsClient, IListQuery } from './client';
import { Connection, toQueryString } from './connection';
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

/**
 * Talks to the server extension with JupyterLab's own connection.
 *
 * #### Notes
 * Every method rejects with `ProblemError` when the server refuses and with
 * `ServerConnection.NetworkError` when it cannot be reached.
 */
export class ExecutionsClient extends Connection implements IExecutionsClient {
  submit(submission: Submission): Promise<Execution> {
    return this.send('POST', 'executions', submission);
  }

  async submitIfNew(
    submission: Submission
  ): Promise<{ accepted: Execution } | { same: Execution }> {
    const body = { ...submission, unless_same: true };
    const answer = await this.send<Execution | { same_as: Execution }>(
      'POST',
      'executions',
      body
    );
    return 'same_as' in answer
      ? { same: answer.same_as }
      : { accepted: answer };
  }

  list(query: IListQuery = {}): Promise<ExecutionPage> {
    return this.ask(`executions${toQueryString({ ...query })}`);
  }

  get(id: ExecutionKey): Promise<Execution> {
    return this.ask(`executions/${id}`);
  }

  edit(id: ExecutionKey, edit: ExecutionEdit): Promise<Execution> {
    return this.send('PATCH', `executions/${id}`, edit);
  }

  async delete(id: ExecutionKey): Promise<void> {
    await this.send('DELETE', `executions/${id}`);
  }

  undoDelete(id: ExecutionKey): Promise<Execution> {
    return this.edit(id, { deleted: false });
  }

  cancel(id: ExecutionKey): Promise<Execution> {
    return this.send('POST', `executions/${id}/cancel`);
  }

  rerun(id: ExecutionKey, rerun: Rerun = {}): Promise<Execution> {
    return this.send('POST', `executions/${id}/rerun`, rerun);
  }

  async restore(id: ExecutionKey, folder?: string): Promise<string> {
    const body = folder === undefined ? {} : { folder };
    const { path } = await this.send<{ path: string }>(
      'POST',
      `executions/${id}/restore`,
      body
    );
    return path;
  }

  pin(id: ExecutionKey, pinned: boolean): Promise<Execution> {
    return this.send('POST', `executions/${id}/pin`, { pinned });
  }

  getNotebook(
    id: ExecutionKey,
    version: 'output' | 'source' = 'output'
  ): Promise<NotebookJSON> {
    return this.send(
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
    return this.url(`executions/${id}/notebook${toQueryString(options)}`);
  }

  getLog(
    id: ExecutionKey,
    piece: { offset?: number; limit?: number } = {}
  ): Promise<LogPiece> {
    return this.send('GET', `executions/${id}/log${toQueryString(piece)}`);
  }

  async listArtifacts(id: ExecutionKey): Promise<Artifact[]> {
    const { artifacts } = await this.send<{ artifacts: Artifact[] }>(
      'GET',
      `executions/${id}/artifacts`
    );
    return artifacts;
  }

  artifactUrl(id: ExecutionKey, name: string, download = false): string {
    const path = `executions/${id}/artifacts/${URLExt.encodeParts(name)}`;
    return this.url(download ? `${path}?download=true` : path);
  }

  getReceipt(id: ExecutionKey): Promise<Receipt> {
    return this.send('GET', `executions/${id}/receipt`);
  }

  getParameters(path: string): Promise<ParameterList> {
    return this.send('GET', notebookPath(path, 'parameters'));
  }

  findParameters(path: string, notebook: NotebookJSON): Promise<ParameterList> {
    return this.send('POST', notebookPath(path, 'parameters'), { notebook });
  }

  getSweep(id: string): Promise<Sweep> {
    return this.send('GET', `sweeps/${id}`);
  }

  compare(query: ICompareQuery): Promise<Comparison> {
    return this.send('GET', `compare${toQueryString({ ...query })}`);
  }

  async getCurves(
    ids: string,
    name: string,
    max_points: number
  ): Promise<Curve[]> {
    const query = toQueryString({ ids, name, max_points });
    const { curves } = await this.send<{ curves: Curve[] }>(
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
    return this.send('GET', `executions/${id}/metrics${query}`);
  }

  async getGoals(): Promise<Record<string, Goal>> {
    const { goals } = await this.send<{ goals: Record<string, Goal> }>(
      'GET',
      'goals'
    );
    return goals;
  }

  setGoal(path: string, goal: Goal | null): Promise<Goal | null> {
    return this.send('PUT', notebookPath(path, 'goal'), goal);
  }

  async getPresets(path: string): Promise<readonly Preset[]> {
    const { presets } = await this.send<{ presets: Preset[] }>(
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
    await this.send('PUT', place, { parameters, notebook });
  }

  async deletePreset(path: string, name: string): Promise<void> {
    const place = `${notebookPath(path, 'presets')}/${encodeURIComponent(name)}`;
    await this.send('DELETE', place);
  }

  makeRoom(retention: Retention): Promise<Collection> {
    return this.send('POST', 'gc', retention);
  }

  async listSweeps(ids: readonly string[]): Promise<SweepSummary[]> {
    const { sweeps } = await this.ask<{ sweeps: SweepSummary[] }>(
      `sweeps?ids=${ids.join(',')}`
    );
    return sweeps;
  }

  submitSweep(submission: SweepSubmission): Promise<Sweep> {
    return this.send('POST', 'sweeps', submission);
  }

  planSweep(submission: SweepSubmission): Promise<SweepPlan> {
    return this.send('POST', 'sweeps', { ...submission, dry_run: true });
  }

  cancelSweep(id: string, onlyWaiting = false): Promise<Sweep> {
    const body = { only_waiting: onlyWaiting };
    return this.send('POST', `sweeps/${id}/cancel`, body);
  }

  retrySweep(id: string): Promise<Sweep> {
    return this.send('POST', `sweeps/${id}/retry`);
  }

  addToSweep(id: string, definition: SweepDefinition): Promise<Sweep> {
    return this.send('POST', `sweeps/${id}/add`, definition);
  }

  planAddition(id: string, definition: SweepDefinition): Promise<SweepPlan> {
    const body = { ...definition, dry_run: true };
    return this.send('POST', `sweeps/${id}/add`, body);
  }

  async deleteSweep(id: string): Promise<void> {
    await this.send('DELETE', `sweeps/${id}`);
  }

  undoDeleteSweep(id: string): Promise<SweepSummary> {
    return this.send('PATCH', `sweeps/${id}`, { deleted: false });
  }

  async getBackends(kernel_name?: string): Promise<Backend[]> {
    const { backends } = await this.send<{ backends: Backend[] }>(
      'GET',
      `backends${toQueryString({ kernel_name })}`
    );
    return backends;
  }

  getStatus(): Promise<ServerStatus> {
    return this.send('GET', 'status');
  }

  setSlots(slots: number): Promise<ServerStatus> {
    return this.send('PATCH', 'status', { slots });
  }
}

function notebookPath(
  path: string,
  what: 'goal' | 'parameters' | 'presets'
): string {
  return `notebooks/${URLExt.encodeParts(path)}/${what}`;
}
