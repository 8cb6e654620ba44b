/** Bring an open notebook up to date without a flicker: only what is new is touched. */
import type { ICellModel, ICodeCellModel } from '@jupyterlab/cells';
import { isCodeCellModel } from '@jupyterlab/cells';
import type {
  IBaseCell,
  ICell,
  INotebookContent,
  IOutput
} from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { JSONObject } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';

import { patchOutputs } from '../model/streams';

/**
 * Bring the model of an open notebook up to date.
 *
 * @param model - The model on the screen.
 * @param content - The same notebook, later.
 * @returns Whether that was possible; if not, nothing was changed and the
 *   document has to be loaded anew.
 *
 * #### Notes
 * `context.revert()` would replace every cell: the page jumps, folded outputs
 * open, a selection is lost. The only change of structure in the life of an
 * execution is the cell with injected parameters, so cells may be added, but
 * none may go or move.
 */
export function patchNotebook(
  model: INotebookModel,
  content: INotebookContent
): boolean {
  const ids = content.cells.map(cell => cell.id);
  const shown = Array.from(model.cells, cell => cell.id);
  const kept = ids.filter(id => shown.includes(String(id)));
  if (!JSONExt.deepEqual(kept as string[], shown)) {
    return false;
  }
  content.cells.forEach((cell, index) => {
    const present = model.cells.get(index) as ICellModel | undefined;
    if (present?.id === cell.id) {
      patchCell(present as ICellModel, cell);
    } else {
      model.sharedModel.insertCell(index, cell as IBaseCell as never);
    }
  });
  // Nothing was typed; the tab must not ask whether to save.
  model.dirty = false;
  return true;
}

/**
 * Show which cell runs: `[*]` stands beside it.
 *
 * @param model - The model on the screen.
 * @param current - Position of the running cell; null for none.
 */
export function markRunning(
  model: INotebookModel,
  current: number | null
): void {
  for (let index = 0; index < model.cells.length; index++) {
    const cell = model.cells.get(index);
    const state = index === current ? 'running' : 'idle';
    if (isCodeCellModel(cell) && cell.executionState !== state) {
      cell.executionState = state;
    }
  }
}

function patchCell(model: ICellModel, cell: ICell): void {
  for (const [key, value] of Object.entries(cell.metadata)) {
    // Whether outputs are trusted is the user's decision, not the server's.
    if (
      key !== 'trusted' &&
      value !== undefined &&
      !JSONExt.deepEqual(
        (model.getMetadata(key) ?? null) as JSONObject,
        value as JSONObject
      )
    ) {
      model.setMetadata(key, value);
    }
  }
  if (isCodeCellModel(model)) {
    patchCode(model, cell);
  }
}

function patchCode(model: ICodeCellModel, cell: ICell): void {
  patchOutputs(model.outputs, (cell.outputs ?? []) as IOutput[]);
  const count = (cell.execution_count ?? null) as number | null;
  if (model.executionCount !== count) {
    model.executionCount = count;
  }
}
