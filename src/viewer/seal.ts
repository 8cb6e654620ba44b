/** Keep what a result tab shows equal to the result. */
import type { NotebookPanel } from '@jupyterlab/notebook';

/** The ids that the cells of a snapshot have, in their order. */
const SOURCE_ID = /^cell-(\d+)$/;

/** Of cells that the runner adds: the one with the parameters. */
const INJECTED_ID = /^injected-/;

/**
 * Whether the cells are those of a result, in their order, and no others.
 *
 * @param ids - Ids of the cells, from top to bottom.
 */
export function isSealed(ids: readonly string[]): boolean {
  let next = 0;
  // The injected cell may stand in the place of one of the source.
  let canSkip = false;
  for (const id of ids) {
    const match = SOURCE_ID.exec(id);
    if (!match) {
      if (!INJECTED_ID.test(id)) {
        return false;
      }
      canSkip = true;
      continue;
    }
    const index = Number(match[1]);
    if (index !== next && !(canSkip && index === next + 1)) {
      return false;
    }
    canSkip = false;
    next = index + 1;
  }
  return true;
}

/**
 * Put a result back whenever its cells were added to, moved or removed.
 *
 * #### Notes
 * Cells that cannot be edited can still be pasted, inserted and moved by
 * JupyterLab's keys. Nothing of it could be saved, but for a reader it would
 * be a result that never was.
 *
 * @param panel - The open result.
 */
export function keepSealed(panel: NotebookPanel): void {
  const { context } = panel;
  const isWhole = (): boolean =>
    isSealed(Array.from(panel.model?.cells ?? [], cell => cell.id));
  let isRestoring = false;
  const check = (): void => {
    if (isRestoring || panel.isDisposed || isWhole()) {
      return;
    }
    isRestoring = true;
    // A result that is not as expected after that is left alone for good.
    void context.revert().finally(() => {
      isRestoring = !isWhole();
    });
  };
  void context.ready.then(() => {
    // Later, when the change is complete: moving is removing and inserting.
    panel.model?.cells.changed.connect(() => window.setTimeout(check));
  });
}
