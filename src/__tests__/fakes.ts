/**
 * A server in memory: the REST calls, and an event bus that emits.
 */
import type { Event } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';
import { Stream } from '@lumino/signaling';

import type { IExecutionsClient, IListQuery } from '../api/client';
import { ProblemError } from '../api/problem';
import type { IExecutionEvent } from '../api/events';
import { EXECUTION_SCHEMA_ID } from '../api/events';
import type {
  Execution,
  ExecutionEdit,
  ExecutionKey,
  ExecutionPage,
  LogPiece,
  SweepSummary
} from '../api/types';

/**
 * An execution with all its fields.
 *
 * @param number - its number, from which the id follows.
 * @param fields - what is not as usual.
 */
export function makeExecution(
  number: number,
  fields: Partial<Execution> = {}
): Execution {
  return {
    id: number.toString(16).padStart(32, '0'),
    number,
    status: 'succeeded',
    reason: null,
    message: null,
    notebook_path: 'train.ipynb',
    title: `title ${number}`,
    parameters: {},
    kernel_name: 'python3',
    backend: 'local',
    resources: {},
    snapshot_id: '0'.repeat(64),
    sweep_id: null,
    parent_id: null,
    owner: null,
    attempt: 1,
    created_at: '2026-01-01T10:00:00Z',
    started_at: '2026-01-01T10:00:00Z',
    finished_at: '2026-01-01T10:01:00Z',
    cells_done: 3,
    cells_total: 3,
    current_cell: null,
    error: null,
    metrics: {},
    remarks: [],
    tags: [],
    note: '',
    starred: false,
    pinned: false,
    cancel_requested: false,
    waiting_reason: null,
    after: [],
    collects: null,
    ...fields
  };
}

/**
 * An execution that runs.
 *
 * @param number - its number.
 * @param fields - what is not as usual.
 */
export function makeRunning(
  number: number,
  fields: Partial<Execution> = {}
): Execution {
  return makeExecution(number, {
    status: 'running',
    finished_at: null,
    cells_done: 0,
    ...fields
  });
}

/**
 * Where a sweep stands.
 *
 * @param id - its id.
 * @param executions - of which it consists.
 * @param fields - what is not as usual.
 */
export function makeSweep(
  id: string,
  executions: readonly Execution[],
  fields: Partial<SweepSummary> = {}
): SweepSummary {
  const counts = {
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    to_come: 0
  };
  executions.forEach(({ status }) => (counts[status] += 1));
  const numbers = executions.map(({ number }) => number).sort((a, b) => a - b);
  const isOver = counts.queued + counts.running === 0;
  const outcome = counts.failed > 0 ? 'failed' : 'succeeded';
  return {
    id,
    status: isOver ? outcome : counts.running > 0 ? 'running' : 'queued',
    notebook_path: 'train.ipynb',
    title: `sweep of ${numbers.length}: lr`,
    message: null,
    created_at: '2026-01-01T10:00:00Z',
    last_added_at: numbers.length === 0 ? null : '2026-01-01T10:00:00Z',
    finished_at: isOver ? '2026-01-01T10:02:00Z' : null,
    counts,
    first_number: numbers[0] ?? null,
    last_number: numbers[numbers.length - 1] ?? null,
    n_reused: 0,
    best: null,
    ...fields
  };
}

/** The executions of a server, and its event bus. */
export class FakeServer {
  /**
   * @param executions - what it knows at first.
   */
  constructor(executions: Execution[] = []) {
    executions.forEach(execution => this.put(execution));
    this.client = new FakeClient(this);
  }

  readonly client: FakeClient;

  readonly stream: Stream<Event.IManager, Event.Emission> = new Stream(
    {} as Event.IManager
  );

  readonly executions = new Map<string, Execution>();

  bootId = 'first';

  rev = 0;

  /** Where a sweep stands, from its executions. */
  sweep(id: string): SweepSummary {
    return makeSweep(
      id,
      [...this.executions.values()].filter(row => row.sweep_id === id)
    );
  }

  /** The sweeps that executions belong to. */
  sweepsOf(executions: readonly Execution[]): SweepSummary[] {
    return executions.flatMap(({ sweep_id }) =>
      sweep_id === null ? [] : [this.sweep(sweep_id)]
    );
  }

  /** Whether an execution stands for its sweep, or is in none. */
  isRow({ number, sweep_id }: Execution): boolean {
    return sweep_id === null || this.sweep(sweep_id).first_number === number;
  }

  /** Store an execution; nobody hears of it. */
  put(execution: Execution): Execution {
    this.executions.set(execution.id, execution);
    return execution;
  }

  /** Store an execution and emit the event. */
  change(execution: Execution, event: Partial<IExecutionEvent> = {}): void {
    this.put(execution);
    this.emit(execution, event);
  }

  /** Emit the event of an execution. */
  emit(execution: Execution, event: Partial<IExecutionEvent> = {}): void {
    this.rev += 1;
    this.stream.emit({
      schema_id: EXECUTION_SCHEMA_ID,
      id: execution.id,
      number: execution.number,
      status: execution.status,
      progress: {
        cells_done: execution.cells_done,
        cells_total: execution.cells_total,
        current_cell: execution.current_cell
      },
      sweep: execution.sweep_id,
      deleted: false,
      rev: this.rev,
      boot_id: this.bootId,
      ...event
    });
  }
}

/** The REST calls of a fake server; `calls` lists them. */
export class FakeClient implements Partial<IExecutionsClient> {
  /**
   * @param server - what it asks.
   */
  constructor(server: FakeServer) {
    this._server = server;
  }

  readonly serverSettings = ServerConnection.makeSettings();

  readonly clockOffset = 0;

  readonly calls: string[] = [];

  /** What the log says. */
  log = '';

  /** Whether nothing is printed any more. */
  logIsComplete = false;

  /** Makes every call fail. */
  failure: Error | null = null;

  async list(query: IListQuery = {}): Promise<ExecutionPage> {
    await this._note(`list ${JSON.stringify(query)}`);
    const statuses = query.status?.split(',');
    const limit = query.limit ?? 25;
    const sign = query.sort === 'number' ? 1 : -1;
    const after = Number(query.cursor ?? sign * -Infinity);
    const rows = [...this._server.executions.values()]
      .sort((a, b) => sign * (a.number - b.number))
      .filter(
        row =>
          (query.notebook ?? row.notebook_path) === row.notebook_path &&
          (query.sweep ?? row.sweep_id) === row.sweep_id &&
          (!query.single || row.sweep_id === null) &&
          (!query.grouped || this._server.isRow(row)) &&
          (statuses?.includes(row.status) ?? true) &&
          row.title.includes(query.q ?? '') &&
          sign * (row.number - after) > 0
      );
    const executions = rows.slice(0, limit);
    return {
      executions,
      next_cursor: rows.length > limit ? `${rows[limit - 1].number}` : null,
      sweeps: query.grouped ? this._server.sweepsOf(executions) : []
    };
  }

  async get(id: ExecutionKey): Promise<Execution> {
    await this._note(`get ${Number(`0x${id}`)}`);
    return this._find(id);
  }

  async listSweeps(ids: readonly string[]): Promise<SweepSummary[]> {
    await this._note(`sweeps ${ids.join(',')}`);
    return ids.map(id => this._server.sweep(id));
  }

  async deleteSweep(id: string): Promise<void> {
    await this._note(`delete sweep ${id}`);
    for (const row of [...this._server.executions.values()]) {
      if (row.sweep_id === id) {
        this._server.executions.delete(row.id);
      }
    }
  }

  async edit(id: ExecutionKey, edit: ExecutionEdit): Promise<Execution> {
    await this._note(`edit ${Number(`0x${id}`)}`);
    const execution = { ...this._find(id), ...edit };
    delete (execution as ExecutionEdit).deleted;
    return this._server.put(execution);
  }

  async delete(id: ExecutionKey): Promise<void> {
    await this._note(`delete ${Number(`0x${id}`)}`);
    this._server.executions.delete(String(id));
  }

  async getLog(
    _id: ExecutionKey,
    piece: { offset?: number } = {}
  ): Promise<LogPiece> {
    await this._note(`log ${piece.offset}`);
    const size_bytes = this.log.length;
    const asked = piece.offset ?? 0;
    const offset = asked < 0 ? Math.max(0, size_bytes + asked) : asked;
    return {
      text: this.log.slice(offset),
      offset,
      next_offset: size_bytes,
      size_bytes,
      complete: this.logIsComplete
    };
  }

  /** This, for those who want all of a client. */
  get asClient(): IExecutionsClient {
    return this as unknown as IExecutionsClient;
  }

  private async _note(call: string): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    if (this.failure !== null) {
      throw this.failure;
    }
  }

  private _find(id: ExecutionKey): Execution {
    const execution = this._server.executions.get(String(id));
    if (execution === undefined) {
      throw new ProblemError(404, {
        message: 'There is no such execution.',
        reason: 'not_found',
        details: {}
      });
    }
    return execution;
  }

  private _server: FakeServer;
}
