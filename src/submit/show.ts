/** Show a form until it is over, with the files it wants on the way. */
import type { IBrowseOptions } from './browse';
import { ParametersDialog } from './form';
import { describeError } from './submitter';

/**
 * Show a form until it is accepted or left.
 *
 * @param options - what the form shows.
 * @param path - Jupyter path of the notebook.
 * @param documents - shows files, where there are any.
 */
export async function showForm(
  options: ParametersDialog.IOptions,
  path: string,
  documents: IBrowseOptions['documents'] | null = null
): Promise<void> {
  const { model, trans } = options;
  const focused = document.activeElement;
  const canBrowse = documents !== null;
  let focus: string | undefined;
  for (;;) {
    await new ParametersDialog({ ...options, canBrowse, focus }).launch();
    const { wish } = model;
    if (wish === null || documents === null) {
      break;
    }
    const { fulfil } = await import('./browse');
    try {
      await fulfil(wish, model, { documents, path, trans });
    } catch (error) {
      model.say(describeError(error, trans));
    }
    model.wish = null;
    focus = `[data-wish="${wish.for === 'table' ? 'table' : wish.key}"]`;
  }
  giveBack(focused);
}

/** Opened from a menu, a dialog has nobody to give the focus back to. */
function giveBack(focused: Element | null): void {
  if (document.activeElement === document.body) {
    const place =
      focused instanceof HTMLElement && focused !== document.body
        ? focused
        : document.querySelector<HTMLElement>(
            '.jp-MainAreaWidget.jp-mod-current, .jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook'
          );
    place?.focus();
  }
}
