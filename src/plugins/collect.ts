/** Which notebook collects executions, and when: asked for with JupyterLab's own dialogs. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { TranslationBundle } from '@jupyterlab/translation';

/** A collect notebook is expected to be named so. */
const COLLECT = 'collect.ipynb';

/** What is collected, and the words for it. */
export interface ICollectOptions {
  /** What the dialog is called. */
  title: string;
  /** Jupyter path of the notebook whose executions are collected. */
  beside: string;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * Ask which notebook collects; the usual one lies beside the notebook.
 *
 * @param documents - shows the files.
 * @param options - what is collected.
 * @returns Jupyter path of the notebook; null when the user cancelled.
 */
export async function askForNotebook(
  documents: IDocumentManager,
  { beside, title, trans }: ICollectOptions
): Promise<string | null> {
  const folder = PathExt.dirname(beside);
  const usual = PathExt.join(folder, COLLECT);
  const { contents } = documents.services;
  const isThere = await contents.get(usual, { content: false }).then(
    () => true,
    () => false
  );
  if (isThere) {
    const { button } = await showDialog({
      title,
      body: trans.__(
        '%1 is run, and is given a list of them as its parameter "executions".',
        usual
      ),
      buttons: [
        Dialog.cancelButton(),
        Dialog.okButton({
          label: trans.__('Other Notebook…'),
          actions: ['other'],
          displayType: 'default'
        }),
        Dialog.okButton({ label: trans.__('Collect') })
      ]
    });
    if (!button.accept) {
      return null;
    }
    if (!button.actions.includes('other')) {
      return usual;
    }
  }
  const { FileDialog } = await import('@jupyterlab/filebrowser');
  const { button, value } = await FileDialog.getOpenFiles({
    manager: documents,
    title: trans.__('Which notebook collects them?'),
    label: trans.__(
      'It is given a list of the executions as its parameter "executions"; usual is %1.',
      COLLECT
    ),
    defaultPath: folder,
    filter: ({ type }) => (type === 'notebook' ? {} : null)
  });
  return button.accept ? (value?.[0]?.path ?? null) : null;
}
