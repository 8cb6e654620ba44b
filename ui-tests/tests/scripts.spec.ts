import { expect, test } from './fixtures';
import { notebook } from './notebooks';

const MARK = 'window.ranInResult = true';

/** Everything that a notebook can print and a browser might run. */
const OUTPUTS = [
  'from IPython.display import HTML, SVG, Javascript, Markdown, display',
  `bad = '<script>${MARK}</script><img src="x:" onerror="${MARK}">'`,
  "display(HTML('<p>html shows</p>' + bad))",
  "display(Markdown('*markdown* shows ' + bad))",
  `display(SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="${MARK}"><script>${MARK}</script></svg>'))`,
  `display(Javascript('${MARK}'))`,
  "print('text shows')"
].join('\n');

test('a result runs no script of the notebook', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'scripts.ipynb',
    notebook([
      {
        source: `cell shows <img src="x:" onerror="${MARK}">`,
        type: 'markdown'
      },
      OUTPUTS
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { id, number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');
  expect(await server.notebook(id)).toContain('onerror');

  await executions.rowButton(number).click();

  await expect(executions.cells.nth(0)).toContainText('cell shows');
  const output = executions.cells.nth(1);
  await expect(output).toContainText('html shows');
  await expect(output).toContainText('markdown shows');
  await expect(output).toContainText('text shows');
  await expect(
    page.locator('.jp-Notebook:visible').locator('script, [onerror], [onload]')
  ).toHaveCount(0);
  expect(await page.evaluate('window.ranInResult')).toBeUndefined();
});
