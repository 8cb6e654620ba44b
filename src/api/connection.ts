/**
 * One request to the server extension, over JupyterLab's own connection.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { ProblemError, readProblem } from './problem';

/** What is small is there within this time, or never. */
const LIMIT_MS = 60_000;

/** How the server extension is reached, and what its clock says. */
export class Connection {
  /**
   * @param serverSettings - how the server is reached; JupyterLab's by default.
   */
  constructor(serverSettings?: ServerConnection.ISettings) {
    this.serverSettings = serverSettings ?? ServerConnection.makeSettings();
  }

  /** How the server is reached. */
  readonly serverSettings: ServerConnection.ISettings;

  /** How far the server's clock is ahead of ours, in milliseconds. */
  get clockOffset(): number {
    return this._clockOffset;
  }

  /**
   * The address of something of the extension.
   *
   * @param path - where it is.
   */
  protected url(path: string): string {
    return URLExt.join(this.serverSettings.baseUrl, 'async-exec', path);
  }

  /**
   * Ask for something.
   *
   * @param method - GET, POST, …
   * @param path - where it is.
   * @param body - what is sent.
   * @param signal - ends the wait for an answer.
   * @returns What the server answers; nothing for 204.
   */
  protected async send<T>(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal
  ): Promise<T> {
    const init: RequestInit = { method, signal };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
    }
    const response = await ServerConnection.makeRequest(
      this.url(path),
      init,
      this.serverSettings
    );
    this._readClock(response);
    if (!response.ok) {
      throw new ProblemError(response.status, await readProblem(response));
    }
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /**
   * Ask for something small.
   *
   * @param path - where it is.
   * @returns What the server answers.
   *
   * #### Notes
   * A network that goes away, as when a laptop sleeps, may say nothing. Whoever
   * asks one thing after the other would wait for ever.
   */
  protected async ask<T>(path: string): Promise<T> {
    const abort = new AbortController();
    const timer = window.setTimeout(() => abort.abort(), LIMIT_MS);
    try {
      return await this.send('GET', path, undefined, abort.signal);
    } finally {
      window.clearTimeout(timer);
    }
  }

  private _readClock(response: Response): void {
    const date = response.headers.get('Date');
    const offset = date === null ? NaN : Date.parse(date) - Date.now();
    // The header has whole seconds only: smaller differences mean nothing.
    this._clockOffset = Math.abs(offset) > 2000 ? offset : 0;
  }

  private _clockOffset = 0;
}

/**
 * Write a query: "?limit=3&q=loss", or nothing where there is nothing to ask.
 *
 * @param query - what is asked; what is undefined or empty is left out.
 */
export function toQueryString(
  query: Record<string, string | number | boolean | undefined>
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
