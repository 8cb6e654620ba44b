/** A JupyterLab of its own for measurements in Chromium, and what they share. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const require = createRequire(join(root, 'ui-tests', 'package.json'));
const { chromium } = require('playwright-core');

export const say = text => process.stderr.write(`${text}\n`);
export const sleep = ms => new Promise(done => setTimeout(done, ms));
export const quantile = (list, q) =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
export const median = list => quantile(list, 0.5);

/** One thing to reach, for the last line of a script: `{"goals": [...]}`. */
export const goal = (work, limit, unit, reached, told = reached.toFixed(0)) => ({
  work,
  must: `≤ ${limit} ${unit}`,
  reached: `${told} ${unit}`,
  holds: reached <= limit
});

export const tellGoals = goals => console.log(`\n${JSON.stringify({ goals })}`);

/** Chromium without a window. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--js-flags=--expose-gc'
    ]
  });
}

function python() {
  const own = join(root, '.venv', 'bin', 'python');
  return existsSync(own) ? own : 'python3';
}

/** Run a script of Python; what it prints goes to stderr. */
export function runPython(args) {
  const done = spawnSync(python(), args, { stdio: ['ignore', 'inherit', 'inherit'], cwd: root });
  if (done.status !== 0) {
    throw new Error(`${args[0]} failed.`);
  }
}

async function freePort() {
  return new Promise(done => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/**
 * Start a server on loopback.
 *
 * `fill(data, notebooks)` fills its data folder before; `data` keeps that folder.
 */
export async function startServer({ data: kept, fill }) {
  const home = mkdtempSync(join(tmpdir(), 'sidebar-bench-'));
  const data = kept ?? join(home, 'executions');
  const notebooks = join(home, 'notebooks');
  mkdirSync(notebooks);
  fill(data, notebooks);
  const settings = join(home, 'settings', '@jupyterlab', 'apputils-extension');
  mkdirSync(settings, { recursive: true });
  writeFileSync(join(settings, 'notification.jupyterlab-settings'), '{"fetchNews":"false"}');
  const port = await freePort();
  const process_ = spawn(
    python(),
    [
      '-m',
      'jupyterlab',
      '--no-browser',
      '--allow-root',
      '--ServerApp.ip=127.0.0.1',
      `--ServerApp.port=${port}`,
      '--ServerApp.port_retries=0',
      `--ServerApp.root_dir=${notebooks}`,
      '--IdentityProvider.token=',
      '--ServerApp.disable_check_xsrf=True',
      '--Application.log_level=ERROR',
      '--LabApp.extension_manager=readonly',
      '--LabApp.expose_app_in_browser=True'
    ],
    {
      env: {
        ...process.env,
        JUPYTER_CONFIG_DIR: join(home, 'config'),
        JUPYTER_DATA_DIR: join(home, 'data'),
        JUPYTER_RUNTIME_DIR: join(home, 'runtime'),
        JUPYTERLAB_SETTINGS_DIR: join(home, 'settings'),
        JUPYTERLAB_WORKSPACES_DIR: join(home, 'workspaces'),
        JUPYTER_ASYNC_EXEC_DATA_DIR: data
      },
      stdio: 'ignore'
    }
  );
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`${url}/api/status`).catch(() => null);
    if (answer?.ok) {
      break;
    }
    await sleep(100);
  }
  const stop = async () => {
    const exit = new Promise(done => process_.once('exit', done));
    process_.kill('SIGTERM');
    await exit;
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  return { url, notebooks, stop };
}
