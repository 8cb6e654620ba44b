/**
 * The cells of executed notebooks, fetched when they come into sight.
 */
import type { ICodeCell, IOutput } from '@jupyterlab/nbformat';
import type { PartialJSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';
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

/** What did not come is asked for again after so long, twice as long each time. */
const AGAIN_MS = 5000;
const LONGEST_MS = 60_000;

/** What there is of one execution. */
interface IKept {
  /** The execution as it was when it was asked for. */
  readonly row: ComparedRow;
  readonly cells: CellsOfExecution;

  /** How often in a row it did not come. */
  readonly nFailed: number;

  /** Whether what did not come is asked for again. */
  isDue: boolean;
}

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
    this._queue.clear();
    this._timers.forEach(timer => window.clearTimeout(timer));
    Signal.clearData(this);
  }

  /**
   * The cells of an execution, as far as they are here.
   *
   * @param row - the execution.
   */
  find(row: ComparedRow): CellsOfExecution {
    return this._kept.get(row.id)?.cells ?? LOADING;
  }

  /**
   * Somebody looks at an execution: fetch it, if it is not here as it is now.
   *
   * @param row - the execution.
   *
   * #### Notes
   * What runs is fetched again with every row that the server told anew; what
   * was there stays until the answer is here.
   */
  look(row: ComparedRow): void {
    if (!this._isHere(row) && !this._asked.has(row.id)) {
      this._queue.set(row.id, row);
      void this._work();
    }
  }

  private _isHere(row: ComparedRow): boolean {
    const kept = this._kept.get(row.id);
    if (kept === undefined || stateOf(kept.row) !== stateOf(row)) {
      return false;
    }
    if (kept.nFailed > 0) {
      return !kept.isDue;
    }
    return row.status !== 'running' || kept.row === row;
  }

  private async _work(): Promise<void> {
    if (this._nBusy >= AT_ONCE) {
      return;
    }
    this._nBusy += 1;
    for (const [id, row] of this._queue) {
      this._queue.delete(id);
      this._asked.add(id);
      const kept = await this._fetch(row);
      this._asked.delete(id);
      if (!this._isDisposed) {
        this._keep(id, kept);
        if (kept.nFailed > 0) {
          this._tryAgain(kept);
        }
        this._changed.emit();
      }
    }
    this._nBusy -= 1;
  }

  private async _fetch(row: ComparedRow): Promise<IKept> {
    const before = this._kept.get(row.id);
    try {
      const notebook = await this._client.getNotebook(row.id, 'output');
      const cells = asBefore(cellsOf(notebook), before?.cells);
      const loaded = { status: 'loaded', cells } as const;
      return { row, cells: loaded, nFailed: 0, isDue: false };
    } catch (error) {
      const { message } = error as Error;
      const failed = { status: 'failed', message } as const;
      const nFailed = (before?.nFailed ?? 0) + 1;
      // What was there is worth more than why nothing else came.
      const cells = before?.cells.status === 'loaded' ? before.cells : failed;
      return { row, cells, nFailed, isDue: false };
    }
  }

  /** Let those who look ask again, when it is time and the page is seen. */
  private _tryAgain(kept: IKept): void {
    const delay = Math.min(LONGEST_MS, AGAIN_MS * 2 ** (kept.nFailed - 1));
    const timer = window.setTimeout(() => {
      this._timers.delete(timer);
      if (document.hidden) {
        this._tryAgain(kept);
        return;
      }
      kept.isDue = true;
      this._changed.emit();
    }, delay);
    this._timers.add(timer);
  }

  private _keep(id: string, kept: IKept): void {
    this._kept.delete(id);
    this._kept.set(id, kept);
    for (const oldest of this._kept.keys()) {
      if (this._kept.size <= MOST_KEPT) {
        break;
      }
      this._kept.delete(oldest);
    }
  }

  private _asked = new Set<string>();
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _kept = new Map<string, IKept>();
  private _nBusy = 0;
  private _queue = new Map<string, ComparedRow>();
  private _timers = new Set<number>();
}

const LOADING: CellsOfExecution = { status: 'loading' };

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
function stateOf({ duration_s, status }: ComparedRow): string {
  return `${status} ${duration_s}`;
}

/** Cells that are as they were are the same objects: they are not drawn again. */
function asBefore(
  cells: readonly IExecutedCell[],
  before: CellsOfExecution | undefined
): readonly IExecutedCell[] {
  const known = before?.status === 'loaded' ? before.cells : [];
  return cells.map((cell, index) =>
    index < known.length &&
    JSONExt.deepEqual(
      cell as unknown as PartialJSONObject,
      known[index] as unknown as PartialJSONObject
    )
      ? known[index]
      : cell
  );
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
