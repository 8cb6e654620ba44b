/** The read-only drive `executions:`, through which results open as native documents. */
import type { INotebookContent, IOutput } from '@jupyterlab/nbformat';
import type { Contents } from '@jupyterlab/services';
import { Drive } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { JSONExt } from '@lumino/coreutils';

import type { IExecutionsClient } from '../api/client';
import { shortenStreams } from '../model/streams';
import { DRIVE_NAME, parseResultPath } from './paths';

/** Where the server answers, below its base address. */
const API_ENDPOINT = 'async-exec/contents';

/** A document of the drive. */
export interface IResultModel extends Contents.IModel {
  /** Whether it is a notebook of which more is to come. */
  readonly partial?: boolean;
}

/** A drive that reads results and refuses to change them. */
export class ExecutionsDrive extends Drive {
  /** Create the drive; the plugin adds it to JupyterLab's contents manager. */
  constructor(options: ExecutionsDrive.IOptions) {
    super({
      name: DRIVE_NAME,
      apiEndpoint: API_ENDPOINT,
      serverSettings: options.client.serverSettings
    });
    // JupyterLab asks every drive for the provider that is the default of the
    // file type. With jupyter-collaboration that is one that this drive does
    // not have, and the registry would throw: a click that does nothing.
    const registry = this.contentProviderRegistry;
    const getProvider = registry.getProvider.bind(registry);
    registry.getProvider = () => getProvider();
    this._client = options.client;
    this._trans = options.trans;
  }

  /**
   * Get a document; the cells of a notebook are read-only and untrusted.
   *
   * #### Notes
   * The server sends notebooks as they are stored, as parsing a large one
   * would stall everybody else; so the marks are set here, where it is parsed
   * anyway. They overwrite those of the notebook itself. What still runs is
   * drawn again and again, so of what it printed only the end is given.
   */
  override async get(
    localPath: string,
    options?: Contents.IFetchOptions
  ): Promise<IResultModel> {
    const model: IResultModel = await super.get(localPath, options);
    if (model.type === 'notebook' && model.content) {
      protect(model.content as INotebookContent);
      if (model.partial) {
        this._shorten(model.content as INotebookContent);
      }
    }
    return model;
  }

  /**
   * Refuse to save what was changed.
   *
   * #### Notes
   * JupyterLab's "Trust Notebook" saves as well. Nothing has changed then, so
   * there is nothing to refuse, and the user gets to see the outputs.
   */
  override async save(
    localPath: string,
    options: Partial<Contents.IModel> = {}
  ): Promise<Contents.IModel> {
    if (options.type === 'notebook' && options.content) {
      const stored = await this.get(localPath, {
        type: 'notebook',
        content: true
      });
      if (
        JSONExt.deepEqual(essence(stored.content), essence(options.content))
      ) {
        return { ...stored, content: null, format: null };
      }
    }
    throw new Error(
      this._trans.__(
        'The result of an execution is never changed. Use “Save As…”, or “Restore” for a notebook to go on with.'
      )
    );
  }

  /** Get the address from which a browser downloads a document. */
  override getDownloadUrl(localPath: string): Promise<string> {
    const parsed = parseResultPath(`${DRIVE_NAME}:${localPath}`);
    if (!parsed) {
      return super.getDownloadUrl(localPath);
    }
    const { id, kind } = parsed;
    if (kind === 'artifact') {
      const name = localPath.split('/artifacts/').slice(1).join('/artifacts/');
      return Promise.resolve(this._client.artifactUrl(id, name, true));
    }
    return Promise.resolve(
      this._client.notebookUrl(id, { version: kind, download: true })
    );
  }

  private _shorten(notebook: INotebookContent): void {
    for (const cell of notebook.cells) {
      if (cell.cell_type === 'code') {
        cell.outputs = shortenStreams(cell.outputs as IOutput[], nLines =>
          this._trans._n(
            '⋯ %1 line above is in the log while this runs ⋯',
            '⋯ %1 lines above are in the log while this runs ⋯',
            nLines
          )
        );
      }
    }
  }

  private _client: IExecutionsClient;
  private _trans: TranslationBundle;
}

/** A namespace for `ExecutionsDrive` statics. */
export namespace ExecutionsDrive {
  /** What the drive needs. */
  export interface IOptions {
    /** Knows the server. */
    client: IExecutionsClient;
    /** The words. */
    trans: TranslationBundle;
  }
}

/** What a user could change in a notebook, comparable. */
function essence(notebook: INotebookContent): string[][] {
  return notebook.cells.map(cell => [
    cell.cell_type,
    typeof cell.source === 'string' ? cell.source : cell.source.join(''),
    String(Array.isArray(cell.outputs) ? cell.outputs.length : 0)
  ]);
}

function protect(notebook: INotebookContent): void {
  for (const cell of notebook.cells) {
    cell.metadata.editable = false;
    cell.metadata.deletable = false;
    if (cell.cell_type === 'code') {
      cell.metadata.trusted = false;
    }
  }
}
