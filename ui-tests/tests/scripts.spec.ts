import type { BrowserContext, Page } from '@playwright/test';

import { expect, test } from './fixtures';
import { notebook } from './notebooks';

/** Where a script of the notebook would call, if one ran. */
const BEACON = 'http://beacon.invalid/ran';

/** Leaves a mark, opens a dialog and calls out: one of these would be seen. */
const SCRIPT = `window.ranInResult=true;alert(1);new Image().src='${BEACON}'`;

/** Ways to run a script from markup, and to run a command of JupyterLab. */
const MARKUP = [
  `<script>${SCRIPT}</script>`,
  `<img src="x:" onerror="${SCRIPT}">`,
  `<svg xmlns="http://www.w3.org/2000/svg" onload="${SCRIPT}"><script>${SCRIPT}</script></svg>`,
  `<iframe srcdoc="&lt;script&gt;parent.${SCRIPT}&lt;/script&gt;"></iframe>`,
  `<details open ontoggle="${SCRIPT}">x</details>`,
  `<a id="go" href="javascript:${SCRIPT}">link shows</a>`,
  '<button data-commandlinker-command="help:about">command shows</button>',
  `<form action="javascript:${SCRIPT}"><button>x</button></form>`,
  `<math><mtext><style><img src=x: onerror="${SCRIPT}"></style></mtext></math>`,
  `<object data="data:text/html,<script>${SCRIPT}</script>"></object>`,
  `<meta http-equiv="refresh" content="0;url=${BEACON}">`,
].join('');

/** A drawing whose every place for a value tries to be a script. */
const VEGA = {
  $schema: 'https://vega.github.io/schema/vega/v5.json',
  width: 20,
  height: 20,
  signals: [
    { name: 'a', init: `event.view.eval("${SCRIPT}")` },
    { name: 'b', init: `[].constructor.constructor("${SCRIPT}")()` }
  ],
  marks: [
    {
      type: 'text',
      encode: {
        enter: {
          text: { value: MARKUP },
          href: { value: `javascript:${SCRIPT}` },
          tooltip: { value: MARKUP }
        }
      }
    }
  ]
};

/** Everything that a notebook can print and a browser might run. */
const OUTPUTS = [
  'import json',
  'from IPython.display import HTML, SVG, Javascript, Markdown, Latex, display',
  `bad = json.loads(${JSON.stringify(JSON.stringify(MARKUP))})`,
  `script = json.loads(${JSON.stringify(JSON.stringify(SCRIPT))})`,
  "display(HTML('<p>html shows</p>' + bad))",
  "display(Markdown('*markdown* shows ' + bad + ' [x](javascript:' + script + ')'))",
  `display(SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="' + script + '"><script>' + script + '</script></svg>'))`,
  'display(Javascript(script))',
  "display(Latex(r'$\\href{javascript:' + script + '}{x}$' + bad))",
  `vega = json.loads(${JSON.stringify(JSON.stringify(JSON.stringify(VEGA)))})`,
  "display({'application/vnd.vega.v5+json': json.loads(vega), 'text/plain': 'vega'}, raw=True)",
  'import ipywidgets',
  'display(ipywidgets.HTML(value=bad, description=bad, tooltip=bad))',
  "display({'application/geo+json': bad, 'text/html': bad, 'text/plain': bad}, raw=True)",
  "open('evil.html', 'w').write(bad); open('evil.svg', 'w').write(bad)",
  "open('evil.txt', 'w').write(bad)",
  "print('text shows', bad)",
  'raise ValueError(bad)'
].join('\n');

/** Note what a script would do in any page of the browser. */
function watch(context: BrowserContext): string[] {
  const seen: string[] = [];
  const listen = (page: Page): void => {
    page.on('dialog', dialog => {
      seen.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  };
  context.pages().forEach(listen);
  context.on('page', listen);
  context.on('request', request => {
    if (request.url().startsWith(BEACON)) {
      seen.push(`request: ${request.url()}`);
    }
  });
  return seen;
}

/** Give whatever was loaded the time to run: until the page has drawn twice and is idle. */
async function settle(page: Pick<Page, 'evaluate'>): Promise<void> {
  await page.evaluate(
    () =>
      new Promise(done => {
        requestAnimationFrame(() => {
          requestAnimationFrame(() => {
            requestIdleCallback(done, { timeout: 2000 });
          });
        });
      })
  );
}

test('the traps of this file catch a script that runs', async ({ context }) => {
  const seen = watch(context);
  const page = await context.newPage();

  await page.setContent(MARKUP);

  await expect.poll(() => seen.join()).toContain('dialog: 1');
  await expect.poll(() => seen.join()).toContain('request: ');
});

test('a result runs no script of the notebook', async ({
  page,
  context,
  executions,
  server
}) => {
  const seen = watch(context);
  const path = await server.write(
    'scripts.ipynb',
    notebook([{ source: `cell shows ${MARKUP}`, type: 'markdown' }, OUTPUTS])
  );
  await executions.openSidebar();
  const number = await server.submit(path);
  await executions.expectStatus(number, 'Failed');

  await executions.rowButton(number).click();

  await expect(executions.cells.nth(0)).toContainText('cell shows');
  const output = executions.cells.nth(1);
  await expect(output).toContainText('html shows');
  await expect(output).toContainText('markdown shows');
  await expect(output).toContainText('text shows');
  await settle(page);
  await output.getByText('link shows').first().click({ force: true });
  await output.getByText('command shows').first().click({ force: true });
  await settle(page);
  await expect(page.locator('.jp-Dialog')).toHaveCount(0);
  await expect(
    page
      .locator('.jp-Notebook:visible')
      .locator(
        'script, iframe, object, meta, form[action], [onerror], [onload], [ontoggle], [href^="javascript"]'
      )
  ).toHaveCount(0);
  expect(await page.evaluate('window.ranInResult')).toBeUndefined();
  expect(seen).toEqual([]);
});

test('nothing that the server gives out runs a script of the notebook', async ({
  context,
  server
}) => {
  const seen = watch(context);
  const path = await server.write(
    'scripts.ipynb',
    notebook([{ source: MARKUP, type: 'markdown' }, OUTPUTS])
  );
  const number = await server.submit(path);
  await server.reaches(String(number), 'failed');
  const page = await context.newPage();
  const address = `/async-exec/executions/${number}`;

  await page.goto(`${address}/notebook?format=html`);
  await expect(page.locator('body')).toContainText('text shows');
  expect(await page.evaluate('window.ranInResult')).toBeUndefined();
  expect(await page.evaluate('window.origin')).toBe('null');
  await page.goto(`${address}/artifacts/evil.txt`);
  await expect(page.locator('body')).toContainText('onerror');
  for (const name of ['evil.html', 'evil.svg']) {
    const download = page.waitForEvent('download');
    await page.goto(`${address}/artifacts/${name}`).catch(() => null);
    await (await download).cancel();
  }
  for (const shown of ['notebook', 'log', 'receipt', '']) {
    await page.goto(`${address}/${shown}`.replace(/\/$/, ''));
    await expect(page.locator('body')).not.toBeEmpty();
  }

  expect(seen).toEqual([]);
});
