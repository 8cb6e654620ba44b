/**
 * The cells of executed notebooks, fetched when they come into sight.
 */
import type { ICodeCell, IOutput } from '@jupyterlab/nbformat';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { ComparedRow, NotebookJSON } from '../api/types';

/** A code cell of an executed notebook. */
export interface IExecutedCell {
  /** Equal for the same cell of the same source. */
  readonly id: string;
  readonly source: string;
  readonly outputs: readonly IOutput[];
}

/** Of one execution: its cells, or why they did not come. */
export type CellsOfExecution =
  | { readonly status: 'loading' }
  | { readonly status: 'failed'; readonly message: string }
  | { readonly status: 'loaded'; readonly cells: readonly IExecutedCell[] };

/** Notebooks are asked for so many at a time. */
const AT_ONCE = 3;

/** The cells of so many executions are kept. */
const MOST_KEPT = 50;

/** Knows what the cells of executions wrote. */
export class OutputsModel implements IDisposable {
  /**
   * Create it; nothing is fetched before it is asked for.
   *
   * @param _client - The REST calls.
   */
  constructor(private _client: Pick<IExecutionsClient, 'getNotebook'>) {}

  /** Emitted after every change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the model is gone. */
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Let go of everything. */
  dispose(): void {
    this._isDisposed = true;
    this._queue = [];
    Signal.clearData(this);
  }

  /**
   * The cells of an execution, as far as they are here.
   *
   * @param row - the execution.
   */
  find(row: ComparedRow): CellsOfExecution {
    return this._kept.get(keyOf(row)) ?? { status: 'loading' };
  }

  /**
   * Somebody looks at an execution: fetch it, if it is not here.
   *
   * @param row - the execution.
   */
  look(row: ComparedRow): void {
    const key = keyOf(row);
    if (
      !this._kept.has(key) &&
      !this._queue.some(each => keyOf(each) === key)
    ) {
      this._queue.push(row);
      void this._work();
    }
  }

  private async _work(): Promise<void> {
    if (this._nBusy >= AT_ONCE) {
      return;
    }
    this._nBusy += 1;
    for (let row = this._queue.shift(); row; row = this._queue.shift()) {
      const key = keyOf(row);
      this._keep(key, { status: 'loading' });
      this._keep(key, await this._fetch(row));
      if (!this._isDisposed) {
        this._changed.emit();
      }
    }
    this._nBusy -= 1;
  }

  private async _fetch(row: ComparedRow): Promise<CellsOfExecution> {
    try {
      const notebook = await this._client.getNotebook(row.id, 'output');
      return { status: 'loaded', cells: cellsOf(notebook) };
    } catch (error) {
      return { status: 'failed', message: (error as Error).message };
    }
  }

  private _keep(key: string, cells: CellsOfExecution): void {
    this._kept.delete(key);
    this._kept.set(key, cells);
    for (const oldest of this._kept.keys()) {
      if (this._kept.size <= MOST_KEPT) {
        break;
      }
      this._kept.delete(oldest);
    }
  }

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _kept = new Map<string, CellsOfExecution>();
  private _nBusy = 0;
  private _queue: ComparedRow[] = [];
}

/**
 * The cell that people most likely want to see: the last with a picture, or
 * else the last with any output.
 *
 * @param cells - of one execution.
 */
export function usualCell(
  cells: readonly IExecutedCell[]
): IExecutedCell | undefined {
  const fromEnd = [...cells].reverse();
  const hasPicture = ({ outputs }: IExecutedCell): boolean =>
    outputs.some(({ data }) =>
      Object.keys(data ?? {}).some(type => type.startsWith('image/'))
    );
  return (
    fromEnd.find(hasPicture) ??
    fromEnd.find(({ outputs }) => outputs.length > 0) ??
    cells[0]
  );
}

/** What runs has other outputs than what is over. */
function keyOf({ duration_s, id, status }: ComparedRow): string {
  return `${id} ${status} ${duration_s}`;
}

function cellsOf(notebook: NotebookJSON): IExecutedCell[] {
  const cells = (notebook['cells'] ?? []) as ICodeCell[];
  return cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ id, outputs, source }, index) => ({
      id: String(id ?? index),
      source: Array.isArray(source) ? source.join('') : source,
      outputs: outputs ?? []
    }));
}
