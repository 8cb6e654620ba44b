/** Galata with this extension: its page object, its server, and short runs told of. */
import { galata, JupyterLabPage, test as base } from '@jupyterlab/galata';
import type { APIRequestContext } from '@playwright/test';
import { expect } from '@playwright/test';

import type { IExecution } from './executions';
import { Executions } from './executions';
import { Gate } from './gate';

export { expect };

/** Galata's settings, and every execution told of, however short. */
export const TELL_ALL = {
  ...galata.DEFAULT_SETTINGS,
  'jupyter_async_exec:plugin': { minimumRunSeconds: 0 }
};

/** Galata gives up on a page after 15 s; with two slow cores the first takes longer. */
const LOADED_MS = 60_000;

const { waitForCondition } = JupyterLabPage.prototype;
JupyterLabPage.prototype.waitForCondition = function (
  condition,
  timeout = LOADED_MS
) {
  return waitForCondition.call(this, condition, timeout);
};

/** What tests know besides Galata. */
interface IFixtures {
  /** The extension in the page. */
  executions: Executions;
  /** The server, asked without the browser. */
  server: Server;
  /** Holds executions until the test lets them go. */
  gate: Gate;
}

/** A test in JupyterLab. */
export const test = base.extend<IFixtures>({
  mockSettings: TELL_ALL,
  // Of the servers that the configuration starts, each worker has one for itself.
  baseURL: async ({ baseURL }, use, { parallelIndex }) => {
    const own = new URL(baseURL ?? '');
    own.port = String(Number(own.port) + parallelIndex);
    await use(own.origin);
  },
  executions: async ({ page }, use) => {
    await use(new Executions(page));
  },
  server: async ({ request, tmpPath }, use) => {
    await use(new Server(request, tmpPath));
  },
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the pattern
  gate: async ({}, use, testInfo) => {
    const gate = new Gate(testInfo.outputPath('gate'));
    await use(gate);
    // What still waits at the end of a test would take a slot from the next.
    gate.open();
  }
});

/** Files and executions on the server. */
export class Server {
  /**
   * @param _request - Sends requests.
   * @param folder - Where the files of the test lie.
   */
  constructor(
    private _request: APIRequestContext,
    readonly folder: string
  ) {}

  /**
   * Write a text file.
   *
   * @param name - Its name in the folder of the test.
   * @param content - Its text.
   * @returns Its Jupyter path.
   */
  async write(name: string, content: string): Promise<string> {
    const path = `${this.folder}/${name}`;
    const response = await this._request.put(`/api/contents/${path}`, {
      data: { type: 'file', format: 'text', content }
    });
    expect(response.ok()).toBe(true);
    return path;
  }

  /** Get the bytes of a file as text, as they are on the disk. */
  async read(path: string): Promise<string> {
    const address = path.split('/').map(encodeURIComponent).join('/');
    const response = await this._request.get(`/files/${address}`);
    expect(response.ok()).toBe(true);
    return response.text();
  }

  /** List the names of the files in the folder of the test. */
  async files(): Promise<string[]> {
    const folder = await this._get(`/api/contents/${this.folder}`);
    return (folder as { content: { name: string }[] }).content.map(
      ({ name }) => name
    );
  }

  /** Delete a file. */
  async remove(path: string): Promise<void> {
    await this._request.delete(`/api/contents/${path}`);
  }

  /** Rename a file. */
  async rename(path: string, to: string): Promise<void> {
    const response = await this._request.patch(`/api/contents/${path}`, {
      data: { path: to }
    });
    expect(response.ok()).toBe(true);
  }

  /** List the paths of all that has a kernel. */
  async sessions(): Promise<string[]> {
    const sessions = (await this._get('/api/sessions')) as { path: string }[];
    return sessions.map(({ path }) => path).sort();
  }

  /**
   * Submit a saved notebook, as another page or the command line would.
   *
   * @returns The number of the execution.
   */
  async submit(path: string): Promise<number> {
    const response = await this._request.post('/async-exec/executions', {
      data: { path }
    });
    expect(response.status()).toBe(201);
    return ((await response.json()) as IExecution).number;
  }

  /**
   * Submit a saved notebook as a sweep.
   *
   * @param values - For each parameter its values.
   * @returns The number of its last execution.
   */
  async sweep(path: string, values: Record<string, string>): Promise<number> {
    const response = await this._request.post('/async-exec/sweeps', {
      data: { path, values }
    });
    expect(response.status()).toBe(201);
    return ((await response.json()) as { last_number: number }).last_number;
  }

  /** Get an execution. */
  async execution(id: string): Promise<IExecution> {
    return (await this._get(`/async-exec/executions/${id}`)) as IExecution;
  }

  /** Get the executed notebook as text, or the submitted one. */
  async notebook(
    id: string,
    version: 'output' | 'source' = 'output'
  ): Promise<string> {
    const response = await this._request.get(
      `/async-exec/executions/${id}/notebook?version=${version}`
    );
    expect(response.ok()).toBe(true);
    return response.text();
  }

  /** Wait until an execution has a status. */
  async reaches(id: string, status: string): Promise<void> {
    await expect
      .poll(async () => (await this.execution(id)).status, { timeout: 30_000 })
      .toBe(status);
  }

  private async _get(path: string): Promise<unknown> {
    const response = await this._request.get(path);
    expect(response.ok()).toBe(true);
    return response.json();
  }
}
