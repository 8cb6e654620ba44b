import { galata } from '@jupyterlab/galata';
import type { WebSocketRoute } from '@playwright/test';

import { expect, test } from './fixtures';

const N_EXECUTIONS = 200;

/** Every so many milliseconds one starts and the one before ends. */
const STEP_MS = 100;

/** A page that has not changed for so long has been drawn. */
const QUIET_MS = 2000;

/** What the list answers, and what the page does with it. */
interface ISeen {
  changes: string[];
  drawnMoreThanOnce: number;
}

function makeRow(number: number, isOver: boolean): Record<string, unknown> {
  const now = new Date().toISOString();
  return {
    id: number.toString(16).padStart(32, '0'),
    number,
    status: isOver ? 'succeeded' : 'running',
    reason: null,
    message: null,
    notebook_path: 'burst.ipynb',
    title: `burst ${number}`,
    parameters: {},
    kernel_name: 'python3',
    backend: 'local',
    snapshot_id: '0'.repeat(64),
    sweep_id: null,
    parent_id: null,
    owner: null,
    attempt: 1,
    created_at: now,
    started_at: now,
    finished_at: isOver ? now : null,
    cells_done: isOver ? 3 : 0,
    cells_total: 3,
    current_cell: null,
    error: null,
    metrics: {},
    remarks: [],
    tags: [],
    note: '',
    starred: false,
    pinned: false,
    cancel_requested: false,
    waiting_reason: null
  };
}

test.use({ mockSettings: galata.DEFAULT_SETTINGS });

test('a burst of executions moves nothing else and asks for little', async ({
  page,
  executions
}) => {
  const rows = new Map<number, Record<string, unknown>>();
  const sockets: WebSocketRoute[] = [];
  let nRequests = 0;
  await page.routeWebSocket(/api\/events\/subscribe/, socket => {
    sockets.push(socket);
  });
  // By path alone: JupyterLab adds the time to every request, and what went
  // past this to the server would be answered there by 404.
  const path = /async-exec\/executions(?:\/(\w+))?$/;
  const isOurs = (url: URL): boolean => path.test(url.pathname);
  await page.route(isOurs, async route => {
    nRequests += 1;
    const url = new URL(route.request().url());
    const id = path.exec(url.pathname)?.[1];
    const cursor = Number(url.searchParams.get('cursor') ?? Infinity);
    const statuses = url.searchParams.get('status')?.split(',');
    const json = id
      ? rows.get(parseInt(id, 16))
      : {
          executions: [...rows.values()]
            .filter(row => statuses?.includes(String(row.status)) ?? true)
            .filter(row => Number(row.number) < cursor)
            .reverse()
            .slice(0, Number(url.searchParams.get('limit') ?? 25)),
          next_cursor: null,
          sweeps: []
        };
    await route.fulfill({ json });
  });
  await executions.reload();
  await executions.openSidebar();
  await expect(executions.panel).toContainText('No executions yet');
  // The launcher, and whatever else JupyterLab is still drawing, has come to rest.
  await page.evaluate(
    quietMs =>
      new Promise<void>(resolve => {
        let timer = setTimeout(rest, quietMs);
        const observer = new MutationObserver(() => {
          clearTimeout(timer);
          timer = setTimeout(rest, quietMs);
        });
        function rest(): void {
          observer.disconnect();
          resolve();
        }
        observer.observe(document.body, {
          subtree: true,
          childList: true,
          attributes: true,
          characterData: true
        });
      }),
    QUIET_MS
  );

  await page.evaluate(() => {
    const seen = { changes: [] as string[], drawnMoreThanOnce: 0 };
    const panel = document.querySelector('.jp-ExecutionsPanel');
    let nDrawn = 0;
    new MutationObserver(records => {
      const isOurs = ({ target }: MutationRecord): boolean =>
        panel?.contains(target) === true;
      nDrawn += records.some(isOurs) ? 1 : 0;
      // On a slow machine JupyterLab still draws these when all else has come to rest.
      const isLate = ({ target }: MutationRecord): boolean => {
        const element = target instanceof Element ? target : target.parentElement;
        return Boolean(element?.closest('.jp-FileBrowser, .jp-Launcher'));
      };
      for (const record of records.filter(each => !isOurs(each) && !isLate(each))) {
        const { nodeName } = record.target;
        seen.changes.push(`${nodeName} ${record.attributeName ?? record.type}`);
      }
    }).observe(document.body, {
      subtree: true,
      childList: true,
      attributes: true,
      characterData: true
    });
    const tick = (): void => {
      seen.drawnMoreThanOnce += nDrawn > 1 ? 1 : 0;
      nDrawn = 0;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    Object.assign(window, { seen });
  });
  nRequests = 0;
  let rev = 0;
  const tell = (number: number, isOver: boolean): void => {
    const row = makeRow(number, isOver);
    rows.set(number, row);
    rev += 1;
    const { cells_done, cells_total, current_cell, id, status } = row;
    const event = {
      schema_id:
        'https://schema.jupyter.org/jupyter_async_exec/execution/v1',
      id,
      number,
      status,
      progress: { cells_done, cells_total, current_cell },
      sweep: null,
      deleted: false,
      rev,
      boot_id: 'burst'
    };
    sockets.forEach(socket => socket.send(JSON.stringify(event)));
  };

  const begin = Date.now();
  for (let number = 1; number <= N_EXECUTIONS; number++) {
    tell(number, false);
    if (number > 1) {
      tell(number - 1, true);
    }
    // Not a wait for anything: this is how fast they come.
    await new Promise(done => setTimeout(done, STEP_MS));
  }
  tell(N_EXECUTIONS, true);
  await executions.expectStatus(N_EXECUTIONS, 'Succeeded');
  const seconds = (Date.now() - begin) / 1000;

  const seen = (await page.evaluate('window.seen')) as ISeen;
  expect(seen.changes).toEqual([]);
  expect(nRequests).toBeLessThan(5 * seconds);
  expect(seen.drawnMoreThanOnce).toBe(0);
  test.info().annotations.push({
    type: 'requests per second',
    description: (nRequests / seconds).toFixed(1)
  });
});
