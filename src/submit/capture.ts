/** What of an open notebook is sent: its source as it is on the screen, without outputs. */
import type { ICell, INotebookContent } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';

/**
 * Copy a notebook without what running it left behind.
 *
 * @param content - The notebook as the model gives it; it is not changed.
 * @returns The same cells with outputs, execution counts and widget state gone.
 *
 * #### Notes
 * Outputs are no part of an execution's identity, and a notebook of 100 MB
 * is 10 kB without them; sending them would stall the server.
 */
export function withoutOutputs(content: INotebookContent): INotebookContent {
  const metadata = { ...content.metadata };
  delete metadata['widgets'];
  return { ...content, metadata, cells: content.cells.map(sourceOnly) };
}

/** An open notebook, captured. */
export interface ICapture {
  /** Jupyter path, with its drive. */
  readonly path: string;
  /** The notebook without outputs. */
  readonly notebook: INotebookContent;
  /** The kernel it uses on the screen; null leaves the choice to its metadata. */
  readonly kernelName: string | null;
}

/**
 * Capture the notebook of a panel as it is in memory.
 *
 * @param panel - An open notebook, saved or not.
 * @returns The capture; null while the notebook is still loading.
 *
 * #### Notes
 * Nothing is saved. `context.canSave` is not asked: under real-time
 * collaboration it is false although all is well.
 */
export function captureNotebook(panel: NotebookPanel): ICapture | null {
  const model = panel.content.model;
  if (!model || !panel.context.isReady) {
    return null;
  }
  return {
    // Older jupyter-collaboration shows the same files through a drive `RTC:`.
    path: panel.context.path.replace(/^RTC:/, ''),
    notebook: withoutOutputs(model.toJSON() as INotebookContent),
    kernelName:
      panel.sessionContext.session?.kernel?.name ||
      panel.sessionContext.kernelPreference.name ||
      null
  };
}

function sourceOnly(cell: ICell): ICell {
  return cell.cell_type === 'code'
    ? { ...cell, outputs: [], execution_count: null }
    : cell;
}
