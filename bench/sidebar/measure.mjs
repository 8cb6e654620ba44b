/**
 * What the sidebar costs with a long history: `node bench/sidebar/measure.mjs [--rows N]`.
 *
 * A real server on loopback, Chromium without a window, a trace of Chromium.
 * Prints a Markdown table, and what is to be reached as JSON. Progress goes to stderr.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import {
  goal,
  here,
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
    rows: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' },
    // Keep the filled store here for the next time.
    folder: { type: 'string' }
  }
});
const N_ROWS = Number(options.rows);
const ROUNDS = Number(options.rounds);
const WHEEL_ROWS = Math.min(20_000, N_ROWS / 2);
const ROW_HEIGHT = 44;

// ------------------------------------------------------------------ in the page

/** Runs in the page: looks at the list in every frame. */
function installWatch() {
  const scroller = () => document.querySelector('.jp-ExecutionsPanel-scroller');
  const look = () => {
    const node = scroller();
    const list = node?.querySelector('ul');
    if (!node || !list || node.clientHeight === 0) {
      return null;
    }
    const top = node.scrollTop;
    const bottom = Math.min(top + node.clientHeight, list.offsetHeight);
    let drawn = 0;
    let loading = 0;
    const rows = [...list.children].filter(row => row.tagName === 'LI');
    for (const row of rows) {
      const y = row.offsetTop;
      const shows = Math.min(y + 44, bottom) - Math.max(y, top);
      if (shows > 0) {
        if (row.hasAttribute('data-execution-id')) {
          drawn += shows;
        } else {
          loading += shows;
        }
      }
    }
    return { top, wanted: bottom - top, drawn, loading };
  };
  window.watch = { running: false, frames: [] };
  window.startWatch = () => {
    window.watch = { running: true, frames: [] };
    let last = performance.now();
    const tick = now => {
      if (!window.watch.running) {
        return;
      }
      const seen = look();
      window.watch.frames.push({ took: now - last, at: now, ...seen });
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  };
  window.stopWatch = () => {
    window.watch.running = false;
    return window.watch.frames.slice(1);
  };
  /** Milliseconds from a click until the first frame with rows was painted. */
  window.timeOpening = () =>
    new Promise(done => {
      let clicked = 0;
      const tick = () => {
        const seen = look();
        if (seen !== null && seen.drawn >= seen.wanted && seen.wanted > 0) {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => done(performance.now() - clicked);
          channel.port2.postMessage(null);
        } else {
          requestAnimationFrame(tick);
        }
      };
      document.addEventListener(
        'pointerdown',
        event => {
          clicked = event.timeStamp;
          requestAnimationFrame(tick);
        },
        { once: true, capture: true }
      );
    });
}

// ------------------------------------------------------------------ measuring

class Bench {
  static async start(url) {
    const browser = await launch();
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    await context.addInitScript(installWatch);
    const page = await context.newPage();
    const bench = new Bench();
    Object.assign(bench, { browser, page, url, requests: 0 });
    bench.cdp = await context.newCDPSession(page);
    page.on('request', request => {
      bench.requests += /async-exec\/executions\?/.test(request.url()) ? 1 : 0;
    });
    return bench;
  }

  get tab() {
    return this.page.getByRole('tab', { name: /^Executions/ });
  }

  async load() {
    await this.page.goto(`${this.url}/lab?reset`);
    await this.page.locator('.jp-Launcher').waitFor();
    await this.tab.waitFor();
    await this.page.waitForLoadState('networkidle').catch(() => undefined);
    await sleep(500);
  }

  async open() {
    const [time] = await Promise.all([
      this.page.evaluate(() => window.timeOpening()),
      this.tab.click({ timeout: 10_000 })
    ]);
    return time;
  }

  async heap() {
    for (let i = 0; i < 3; i++) {
      await this.cdp.send('HeapProfiler.collectGarbage');
    }
    const { usedSize } = await this.cdp.send('Runtime.getHeapUsage');
    return usedSize / 1e6;
  }

  /** Watch what happens while something is done; also through Chromium's own trace. */
  async watch(action) {
    const events = [];
    const keep = ({ value }) => events.push(...value);
    this.cdp.on('Tracing.dataCollected', keep);
    await this.cdp.send('Tracing.start', {
      transferMode: 'ReportEvents',
      traceConfig: {
        includedCategories: [
          'disabled-by-default-devtools.timeline',
          'disabled-by-default-devtools.timeline.frame',
          'devtools.timeline',
          'devtools.timeline.frame'
        ]
      }
    });
    await this.page.evaluate(() => window.startWatch());
    const before = this.requests;
    const start = Date.now();
    await action();
    const seconds = (Date.now() - start) / 1000;
    const frames = await this.page.evaluate(() => window.stopWatch());
    const done = new Promise(resolve => this.cdp.once('Tracing.tracingComplete', resolve));
    await this.cdp.send('Tracing.end');
    await done;
    this.cdp.off('Tracing.dataCollected', keep);
    const whole = frames.filter(frame => frame.wanted > 0);
    const missing = whole.filter(frame => frame.drawn < frame.wanted - 1);
    const tasks = events.filter(({ name }) => name === 'RunTask').map(({ dur }) => (dur ?? 0) / 1000);
    return {
      seconds,
      requests: this.requests - before,
      frames: whole.length,
      blank: whole.filter(f => f.drawn + f.loading < f.wanted - 1).length,
      missing: missing.length,
      missingMs: missing.reduce((sum, frame) => sum + frame.took, 0),
      longest: Math.max(...frames.map(({ took }) => took)),
      p99: quantile(frames.map(({ took }) => took), 0.99),
      longestTask: tasks.reduce((a, b) => Math.max(a, b), 0),
      droppedFrames: events.filter(({ name }) => name === 'DroppedFrame').length,
      traceFrames: events.filter(({ name }) => name === 'DrawFrame').length,
      reached: Math.round(((frames.at(-1)?.top ?? 0) + (frames.at(-1)?.wanted ?? 0)) / ROW_HEIGHT)
    };
  }

  async centre() {
    const box = await this.page.locator('.jp-ExecutionsPanel-scroller').boundingBox();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, box };
  }

  async wheel(rows, direction = 1) {
    const { x, y } = await this.centre();
    await this.page.mouse.move(x, y);
    // 20 rows at a turn, as fast as a person turns a wheel that runs freely.
    const turns = Math.ceil(rows / 20);
    for (let i = 0; i < turns; i++) {
      await this.page.mouse.wheel(0, direction * 20 * ROW_HEIGHT);
      await sleep(16);
    }
    await sleep(300);
  }

  async keys(key, n) {
    for (let i = 0; i < n; i++) {
      await this.page.keyboard.press(key);
      await sleep(33);
    }
    await sleep(300);
  }

  async focusFirst() {
    await this.page.locator('[data-execution-id] > button[tabindex="0"]').first().focus();
  }

  /** Drag the thumb of the scrollbar by setting what dragging sets, frame by frame. */
  async drag(from, to, frames) {
    await this.page.evaluate(
      ([from, to, frames]) =>
        new Promise(done => {
          const node = document.querySelector('.jp-ExecutionsPanel-scroller');
          let i = 0;
          const step = () => {
            const range = node.scrollHeight - node.clientHeight;
            node.scrollTop = range * (from + ((to - from) * i) / frames);
            i += 1;
            if (i <= frames) {
              requestAnimationFrame(step);
            } else {
              setTimeout(done, 500);
            }
          };
          step();
        }),
      [from, to, frames]
    );
  }
}

function table(rows) {
  const ms = value => `${value.toFixed(0)} ms`;
  console.log(`Sidebar with ${N_ROWS.toLocaleString('en')} executions, ${ROUNDS} rounds:\n`);
  console.log('| What | Reached |');
  console.log('| --- | --- |');
  const { first, again, filter, heap, watched } = rows;
  console.log(`| first opening, median (worst) | ${ms(median(first))} (${ms(Math.max(...first))}) |`);
  console.log(`| opening again, median (worst) | ${ms(median(again))} (${ms(Math.max(...again))}) |`);
  console.log(`| choosing another status, median (worst) | ${ms(median(filter))} (${ms(Math.max(...filter))}) |`);
  console.log(
    `| JS heap after collecting garbage: closed, opened, scrolled | ${heap.map(mb => mb.toFixed(1)).join(', ')} MB |`
  );
  console.log('');
  console.log(
    '| While | at row | frames | rows missing in | blank in | p99 frame | longest frame | longest task | dropped by Chromium | requests |'
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, w] of watched) {
    console.log(
      `| ${name} | ${w.reached} | ${w.frames} | ${w.missing} (${ms(w.missingMs)}) | ${w.blank} | ${ms(w.p99)} | ${ms(w.longest)} | ${ms(w.longestTask)} | ${w.droppedFrames} of ${w.traceFrames + w.droppedFrames} | ${w.requests} |`
    );
  }
}

function goals({ first, heap, watched }) {
  const many = `with ${N_ROWS.toLocaleString('en')} executions`;
  const steady = watched.filter(([name]) => /^(Page|wheel)/.test(name));
  const missing = steady.reduce((sum, [, w]) => sum + w.missing, 0);
  return [
    goal(`sidebar ${many}, first opening`, 300, 'ms', median(first)),
    goal('scrolling by wheel and by keys, rows missing in', 0, 'frames', missing),
    goal('sidebar after scrolling, more heap', 60, 'MB', Math.max(...heap.slice(1)) - heap[0])
  ];
}

async function main() {
  say(`filling a store with ${N_ROWS.toLocaleString('en')} executions`);
  const server = await startServer({
    data: options.folder,
    fill: data => runPython([join(here, 'fill.py'), data, String(N_ROWS)])
  });
  let bench = null;
  try {
    bench = await Bench.start(server.url);
    const first = [];
    for (let i = 0; i < ROUNDS; i++) {
      await bench.load();
      first.push(await bench.open());
      say(`opened in ${first.at(-1).toFixed(0)} ms`);
    }
    await bench.load();
    const closed = await bench.heap();
    await bench.open();
    const again = [];
    for (let i = 0; i < ROUNDS; i++) {
      await bench.tab.click();
      await sleep(200);
      again.push(await bench.open());
    }
    const opened = await bench.heap();
    const watched = [];
    const note = async (name, action) => {
      say(name);
      watched.push([name, await bench.watch(action)]);
    };
    await note('Page Down held, 100 times', async () => {
      await bench.focusFirst();
      await bench.keys('PageDown', 100);
    });
    await note('Home', () => bench.keys('Home', 1));
    await note(`wheel, ${WHEEL_ROWS.toLocaleString('en')} rows down`, () => bench.wheel(WHEEL_ROWS));
    const scrolled = await bench.heap();
    await note(`wheel, ${(WHEEL_ROWS / 4).toLocaleString('en')} rows up`, () => bench.wheel(WHEEL_ROWS / 4, -1));
    await note('End', async () => {
      await bench.focusFirst();
      await bench.keys('End', 1);
      await sleep(1000);
    });
    await note('Page Up held, 20 times', () => bench.keys('PageUp', 20));
    await note('thumb dragged to the top in 2 s', () => bench.drag(1, 0, 120));
    await note('thumb dragged to the middle in 1 s', () => bench.drag(0, 0.5, 60));
    const end = await bench.heap();
    const filter = [];
    for (let i = 0; i < ROUNDS; i++) {
      const status = ['failed', 'succeeded', 'cancelled'][i % 3];
      filter.push(
        await bench.page.evaluate(
          status =>
            new Promise(done => {
              const select = document.querySelector('.jp-ExecutionsPanel-status select');
              const begin = performance.now();
              const tick = () => {
                const rows = [...document.querySelectorAll('[data-execution-id]')];
                if (rows.length > 10 && rows.every(row => row.dataset.status === status)) {
                  const channel = new MessageChannel();
                  channel.port1.onmessage = () => done(performance.now() - begin);
                  channel.port2.postMessage(null);
                } else {
                  requestAnimationFrame(tick);
                }
              };
              const set = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set;
              set.call(select, status);
              select.dispatchEvent(new Event('change', { bubbles: true }));
              requestAnimationFrame(tick);
            }),
          status
        )
      );
      await sleep(300);
    }
    const found = { first, again, filter, heap: [closed, opened, scrolled, end], watched };
    table(found);
    tellGoals(goals(found));
  } finally {
    await bench?.browser.close();
    await server.stop();
  }
}

await main();
