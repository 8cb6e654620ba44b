/** Look for a file that the form wants, with JupyterLab's own dialog. */
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { FileWish, FormModel } from './formmodel';

/** What a table may be called. */
const TABLES = new Set(['.csv', '.json', '.tsv', '.txt']);

/** Where files are looked for. */
export interface IBrowseOptions {
  /** Shows the files. */
  documents: IDocumentManager;
  /** Jupyter path of the notebook, to which paths are relative. */
  path: string;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * Ask for a file, and put its path or its rows into the form.
 *
 * @param wish - what the file is for.
 * @param model - the state of the form.
 * @param options - where to look.
 * @throws When the file cannot be read.
 */
export async function fulfil(
  wish: FileWish,
  model: FormModel,
  options: IBrowseOptions
): Promise<void> {
  const { documents, trans } = options;
  const folder = PathExt.dirname(options.path);
  const { FileDialog } = await import('@jupyterlab/filebrowser');
  const isTable = wish.for === 'table';
  const { button, value } = await FileDialog.getOpenFiles({
    manager: documents,
    title: isTable
      ? trans.__('Choose a table: CSV or JSON')
      : trans.__('Choose a file, or open a folder and choose nothing in it'),
    defaultPath: folder,
    filter: isTable
      ? ({ path }) =>
          TABLES.has(PathExt.extname(path).toLowerCase()) ? {} : null
      : undefined
  });
  const [chosen] = value ?? [];
  if (!button.accept || chosen === undefined) {
    return;
  }
  if (!isTable) {
    const text = relativeTo(folder, chosen.path);
    model.data = { ...model.data, [wish.key]: text };
  } else if (chosen.type !== 'directory') {
    const { contents } = documents.services;
    const file = await contents.get(chosen.path, {
      type: 'file',
      format: 'text',
      content: true
    });
    model.table = String(file.content);
  }
}

/**
 * A path as the notebook sees it.
 *
 * @param folder - the notebook's folder.
 * @param path - Jupyter path of a file or folder.
 */
export function relativeTo(folder: string, path: string): string {
  return PathExt.relative(`/${folder}`, `/${path}`) || '.';
}
