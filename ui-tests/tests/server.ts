/** A Jupyter server of one's own: a clean profile, a real token, and a life that can end. */
import type { ChildProcess } from 'child_process';
import { execFileSync, spawn } from 'child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'fs';
import { createServer } from 'net';
import { tmpdir } from 'os';
import { dirname, join } from 'path';

const TOKEN = 'browser-tests';

/** How long a server may take to come up on a busy machine. */
const START_MS = 60_000;

/** One server, which can be killed and started again on the same port. */
export class OwnServer {
  private constructor(
    private _app: 'lab' | 'notebook',
    private _port: number
  ) {
    mkdirSync(this.root);
  }

  /**
   * Start a server that nobody used before.
   *
   * @param app - JupyterLab or Notebook 7.
   * @param configure - Given the folder of the server, says what it is configured with.
   */
  static async start(
    app: 'lab' | 'notebook' = 'lab',
    configure?: (home: string) => unknown
  ): Promise<OwnServer> {
    const server = new OwnServer(app, await freePort());
    if (configure) {
      const folder = join(server.home, 'config');
      mkdirSync(folder);
      writeFileSync(
        join(folder, 'jupyter_server_config.json'),
        JSON.stringify(configure(server.home))
      );
    }
    await server.start();
    return server;
  }

  /** Everything it writes lies below. */
  readonly home = mkdtempSync(join(tmpdir(), 'jupyter_async_exec-ui-'));

  /** Where its notebooks lie. */
  readonly root = join(this.home, 'notebooks');

  /**
   * Make an address for the browser.
   *
   * @param path - Such as `/lab`.
   */
  url(path: string): string {
    return `http://127.0.0.1:${this._port}${path}?token=${TOKEN}`;
  }

  /** Ask the server without the browser. */
  async get(path: string): Promise<unknown> {
    const response = await fetch(this.url(path));
    if (!response.ok) {
      throw new Error(`${path} answers ${response.status}`);
    }
    return response.json();
  }

  /** Read something of the server as text. */
  async text(path: string): Promise<string> {
    return (await fetch(this.url(path))).text();
  }

  /** Send something to the server without the browser. */
  async post(path: string, body: unknown): Promise<void> {
    const response = await fetch(this.url(path), {
      method: 'POST',
      headers: { Authorization: `token ${TOKEN}` },
      body: JSON.stringify(body)
    });
    if (!response.ok) {
      throw new Error(`${path} answers ${response.status}`);
    }
  }

  /** List the paths of all that has a kernel. */
  async sessions(): Promise<string[]> {
    const sessions = (await this.get('/api/sessions')) as { path: string }[];
    return sessions.map(({ path }) => path).sort();
  }

  /** Write a file among the notebooks. */
  write(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Make a git work tree of the notebooks, with all that is there committed. */
  commit(): void {
    const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b'];
    for (const words of [['init', '-q'], ['add', '.'], ['commit', '-qm', 'first']]) {
      execFileSync('git', [...identity, ...words], { cwd: this.root });
    }
  }

  /** Write the settings of a plugin, as the user would have. */
  set(plugin: string, settings: Record<string, unknown>): void {
    const [extension, name] = plugin.split(':');
    const folder = join(this.home, 'settings', extension);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, `${name}.jupyterlab-settings`),
      JSON.stringify(settings)
    );
  }

  /** Start it, also after `kill`. */
  async start(): Promise<void> {
    const options = [
      '--no-browser',
      '--allow-root',
      `--ServerApp.ip=127.0.0.1`,
      `--ServerApp.port=${this._port}`,
      '--ServerApp.port_retries=0',
      `--ServerApp.root_dir=${this.root}`,
      `--IdentityProvider.token=${TOKEN}`,
      '--Application.log_level=ERROR',
      '--AsyncExecApp.slots=2',
      '--LabApp.extension_manager=readonly',
      // Tests change the theme below an open dialog.
      '--LabApp.expose_app_in_browser=True',
      // Where jupyter-collaboration is installed, it saves by itself.
      '--YDocExtension.disable_rtc=True'
    ];
    this._process = spawn(`jupyter-${this._app}`, options, {
      env: {
        ...process.env,
        JUPYTER_CONFIG_DIR: join(this.home, 'config'),
        JUPYTER_DATA_DIR: join(this.home, 'data'),
        JUPYTER_RUNTIME_DIR: join(this.home, 'runtime'),
        JUPYTERLAB_SETTINGS_DIR: join(this.home, 'settings'),
        JUPYTERLAB_WORKSPACES_DIR: join(this.home, 'workspaces'),
        JUPYTER_ASYNC_EXEC_DATA_DIR: join(this.home, 'executions')
      },
      stdio: 'ignore'
    });
    const until = Date.now() + START_MS;
    while (Date.now() < until) {
      if (this._process.exitCode !== null) {
        throw new Error(`The server ended with ${this._process.exitCode}.`);
      }
      if (await this._answers()) {
        return;
      }
      await new Promise(done => setTimeout(done, 100));
    }
    throw new Error('The server did not come up.');
  }

  /** End it without warning. */
  async kill(): Promise<void> {
    await this._end('SIGKILL');
  }

  /** End it and remove what it wrote. */
  async dispose(): Promise<void> {
    await this._end('SIGTERM');
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  private async _answers(): Promise<boolean> {
    try {
      await this.get('/api/status');
      return true;
    } catch {
      return false;
    }
  }

  private async _end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this._process;
    this._process = null;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = new Promise(done => child.once('exit', done));
      child.kill(signal);
      await exit;
    }
  }

  private _process: ChildProcess | null = null;
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address
          ? done(address.port)
          : fail(new Error('No port is free.'))
      );
    });
  });
}
