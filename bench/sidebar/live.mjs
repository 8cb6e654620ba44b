/**
 * What a sweep's row and a live chart cost: `node bench/sidebar/live.mjs [--trials N] [--points N]`.
 *
 * Opens the row of a sweep that is over, scrolls through it, and compares its executions;
 * then looks at the metrics of an execution that goes on recording. Prints a Markdown table,
 * and what is to be reached as JSON.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  goal,
  launch,
  median,
  quantile,
  runPython,
  say,
  sleep,
  startServer,
  tellGoals
} from './server.mjs';

const { values: options } = parseArgs({
  options: {
    trials: { type: 'string', default: '500' },
    points: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '20' }
  }
});
const N_TRIALS = Number(options.trials);
const N_POINTS = Number(options.points);
const ROUNDS = Number(options.rounds);
const SECONDS = Number(options.seconds);
/** Two metrics; the last fifth of the points come while somebody looks. */
const N_LINES = N_POINTS / 2;
const N_AT_ONCE = 0.8 * N_LINES;

const CODE = `
import json, math, time
for i in range(${N_LINES}):
    print(json.dumps({"step": i, "loss": math.exp(-i / 9000) + math.sin(i) / 50, "acc": 1 - math.exp(-i / 7000)}))
    if i >= ${N_AT_ONCE} and i % 20 == 0:
        time.sleep(20 * ${SECONDS + 10} / ${N_LINES - N_AT_ONCE})
`;

/** Runs in the page: how long each frame takes. */
function installFrames() {
  window.frames_ = { running: false, took: [] };
  window.startFrames = () => {
    const kept = { running: true, took: [] };
    window.frames_ = kept;
    let last = performance.now();
    const tick = now => {
      kept.took.push(now - last);
      last = now;
      if (kept.running) {
        requestAnimationFrame(tick);
      }
    };
    requestAnimationFrame(tick);
  };
  window.stopFrames = () => {
    window.frames_.running = false;
    return window.frames_.took.slice(1);
  };
  /** Milliseconds from a click on the row until rows of it fill the list. */
  window.timeExpanding = () =>
    new Promise(done => {
      const button = document.querySelector('[data-sweep-id] > button');
      const begin = performance.now();
      button.click();
      const tick = () => {
        const list = document.querySelector('.jp-ExecutionsPanel-scroller');
        const n = list.querySelectorAll('[data-execution-id]').length;
        if (n >= Math.floor(list.clientHeight / 44) - 2) {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => done(performance.now() - begin);
          channel.port2.postMessage(null);
        } else {
          requestAnimationFrame(tick);
        }
      };
      requestAnimationFrame(tick);
    });
}

/** Frames while something is done, and the longest task in wall and processor time. */
async function watch(page, cdp, action) {
  const events = [];
  const keep = ({ value }) => events.push(...value);
  cdp.on('Tracing.dataCollected', keep);
  await cdp.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline'] }
  });
  await page.evaluate(() => window.startFrames());
  await action();
  const frames = await page.evaluate(() => window.stopFrames());
  const complete = new Promise(done => cdp.once('Tracing.tracingComplete', done));
  await cdp.send('Tracing.end');
  await complete;
  cdp.off('Tracing.dataCollected', keep);
  const tasks = events.filter(({ name }) => name === 'RunTask');
  const longest = field => Math.max(0, ...tasks.map(task => (task[field] ?? 0) / 1000));
  tellLongest(tasks, events);
  return {
    n: frames.length,
    p99: quantile(frames, 0.99),
    longest: Math.max(...frames),
    task: longest('dur'),
    cpu: longest('tdur')
  };
}

/** Say what the longest task was made of, the largest parts first. */
function tellLongest(tasks, events) {
  const task = tasks.reduce((a, b) => ((b.dur ?? 0) > (a?.dur ?? 0) ? b : a), null);
  const parts = events.filter(
    ({ name, tid, ts, dur }) =>
      name !== 'RunTask' && tid === task?.tid && ts >= task.ts && ts + dur <= task.ts + task.dur
  );
  parts.sort((a, b) => b.dur - a.dur);
  const told = parts.slice(0, 6).map(({ name, dur, args }) => {
    const { functionName = '', url = '' } = args?.data ?? {};
    return `${name} ${functionName} ${url.split('/').pop()} ${(dur / 1000).toFixed(0)} ms`;
  });
  say(`longest task: ${((task?.dur ?? 0) / 1000).toFixed(0)} ms; ${told.join('; ')}`);
}

async function measureSweep(page, cdp) {
  const row = page.locator('[data-sweep-id]').first();
  await row.waitFor();
  const times = [];
  const frames = [];
  for (let i = 0; i < ROUNDS; i++) {
    // The executions of a closed row are forgotten, and fetched anew.
    frames.push(
      await watch(page, cdp, async () => {
        times.push(await page.evaluate(() => window.timeExpanding()));
        await sleep(500);
      })
    );
    say(`expanded in ${times.at(-1).toFixed(0)} ms`);
    if (i < ROUNDS - 1) {
      await row.locator('button').first().click();
      await sleep(300);
    }
  }
  const scrolled = await watch(page, cdp, async () => {
    const box = await page.locator('.jp-ExecutionsPanel-scroller').boundingBox();
    await page.mouse.move(box.x + 50, box.y + 50);
    for (let i = 0; i < N_TRIALS / 20; i++) {
      await page.mouse.wheel(0, 20 * 44);
      await sleep(16);
    }
    await sleep(300);
  });
  return { times, frames, scrolled };
}

/** Milliseconds from choosing Compare until the first rows of the table are there. */
async function measureCompare(page) {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    await page.locator('[data-sweep-id] > button').first().click({ button: 'right' });
    const item = page.getByRole('menu').getByRole('menuitem', { name: 'Compare', exact: true });
    await item.waitFor();
    const began = Date.now();
    await item.click();
    await page.locator('.jp-Compare-table tbody tr').nth(10).waitFor();
    times.push(Date.now() - began);
    say(`compared in ${times.at(-1)} ms`);
    await page.locator('.lm-DockPanel-tabBar .lm-mod-current .lm-TabBar-tabCloseIcon').click();
    await page.locator('.jp-Compare-table').waitFor({ state: 'detached' });
  }
  return times;
}

async function measureChart(page, cdp, { notebooks, url }) {
  const cell = {
    cell_type: 'code',
    id: 'points',
    source: CODE,
    metadata: {},
    outputs: [],
    execution_count: null
  };
  const document_ = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
  writeFileSync(join(notebooks, 'live.ipynb'), JSON.stringify(document_));
  const answer = await fetch(`${url}/async-exec/executions`, {
    method: 'POST',
    body: JSON.stringify({ path: 'live.ipynb' })
  });
  const { id, number } = await answer.json();
  const count = async () => {
    const piece = await (
      await fetch(`${url}/async-exec/executions/${id}/metrics?max_points=4`)
    ).json();
    return piece.metrics.reduce((sum, { n_points }) => sum + n_points, 0);
  };
  for (let tries = 0; (await count()) < 2 * N_AT_ONCE; tries++) {
    if (tries > 1200) {
      throw new Error('The points did not come.');
    }
    await sleep(250);
  }
  await page.locator(`[data-execution-id="${id}"] > button`).click();
  await page.locator('.jp-Receipt').getByRole('button', { name: /Metrics/ }).click();
  await page.locator('.jp-AsyncExecChart svg').nth(1).waitFor();
  await sleep(1500);
  const before = await count();
  const seen = await watch(page, cdp, () => sleep(SECONDS * 1000));
  say(`#${number}: from ${before} to ${await count()} points while watched`);
  return { ...seen, points: await count() };
}

async function main() {
  say(`filling a store with a sweep of ${N_TRIALS}`);
  const server = await startServer({
    fill: (data, notebooks) =>
      runPython(['-m', 'bench.sidebar.fill_sweep', data, notebooks, String(N_TRIALS)])
  });
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    await context.addInitScript(installFrames);
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await page.goto(`${server.url}/lab?reset`);
    await page.locator('.jp-Launcher').waitFor();
    await page.getByRole('tab', { name: /^Executions/ }).click();
    const sweep = await measureSweep(page, cdp);
    const compared = await measureCompare(page);
    await page.locator('[data-sweep-id] > button').first().click();
    const chart = await measureChart(page, cdp, server);
    const ms = value => `${value.toFixed(0)} ms`;
    const line = (name, w) =>
      console.log(
        `| ${name} | ${w.n} | ${ms(w.p99)} | ${ms(w.longest)} | ${ms(w.task)} | ${ms(w.cpu)} |`
      );
    console.log(
      `The row of a sweep of ${N_TRIALS} opens in ${ms(median(sweep.times))} (worst ${ms(Math.max(...sweep.times))}), ${ROUNDS} rounds.\n`
      + `Comparing them takes ${ms(median(compared))} (worst ${ms(Math.max(...compared))}).\n`
    );
    console.log('| While | frames | p99 frame | longest frame | longest task | … of the processor |');
    console.log('| --- | --- | --- | --- | --- | --- |');
    const worst = sweep.frames.reduce((a, b) => (b.longest > a.longest ? b : a));
    line('it opens (the worst)', worst);
    line(`${N_TRIALS} executions are scrolled through`, sweep.scrolled);
    line(`two curves grow to ${chart.points.toLocaleString('en')} points`, chart);
    tellGoals([
      goal(`comparing a sweep of ${N_TRIALS}`, 1000, 'ms', median(compared)),
      goal(`row of a sweep of ${N_TRIALS} opens, longest frame`, 50, 'ms', worst.longest),
      goal(`live curves of ${N_POINTS.toLocaleString('en')} points, p99 frame`, 50, 'ms', chart.p99)
    ]);
  } finally {
    await browser.close();
    await server.stop();
  }
}

await main();
