import { expect, test } from '@playwright/test';

import { Executions } from './executions';
import { Gate } from './gate';
import { notebook, waitFor } from './notebooks';
import { OwnServer } from './server';

let server: OwnServer;

test.beforeAll(async () => {
  server = await OwnServer.start();
});

test.afterAll(async () => {
  await server.dispose();
});

test('one click runs the notebook elsewhere, and the result is one click away', async ({
  page
}, testInfo) => {
  const gate = new Gate(testInfo.outputPath('gate'));
  const source = notebook([waitFor('started', gate.path), 'print(6 * 7)']);
  server.write('experiment.ipynb', source);
  // Nothing else is set: this is the first minute of a new user.
  server.set('jupyter_async_exec:plugin', { minimumRunSeconds: 0 });
  const executions = new Executions(page);
  await page.goto(server.url('/lab/tree/experiment.ipynb'));
  await executions.openSidebar();
  await expect(executions.panel).toContainText('No executions yet.');
  await expect.poll(() => server.sessions()).toEqual(['experiment.ipynb']);

  await executions.editor.click();
  await page.keyboard.press('Control+End');
  const focused = await page.evaluateHandle(() => document.activeElement);
  await executions.button.click();

  await expect(executions.row(1)).toBeVisible();
  await page.keyboard.type('\nnext = "idea"');
  await expect(executions.editor).toContainText('next = "idea"');
  expect(
    await focused.evaluate(element => element === document.activeElement)
  ).toBe(true);

  await executions.expectStatus(1, 'Running');
  gate.open();
  await executions.expectStatus(1, 'Succeeded');
  await expect(executions.toast(1)).toContainText(/#1 succeeded/);
  expect(
    await focused.evaluate(element => element === document.activeElement)
  ).toBe(true);

  await executions.toast(1).getByRole('button', { name: /^Open/ }).click();

  await expect(executions.receipt).toContainText('Succeeded');
  await expect(executions.receipt).toContainText('#1');
  await expect(executions.cells).toHaveCount(2);
  await expect(executions.cells.nth(1)).toContainText('42');
  // As it was sent, not as it was edited since.
  await expect(executions.cells.first()).not.toContainText('idea');
  await expect(executions.button).toHaveCount(0);

  await executions.cells.nth(1).getByRole('textbox').click();
  await page.keyboard.type('changed');
  await expect(executions.cells.nth(1)).not.toContainText('changed');
  // Nor do cells come in by the keys for it: they are put back at once.
  await page.keyboard.press('Escape');
  await page.keyboard.press('b');
  await expect(executions.cells).toHaveCount(2);
  await expect(executions.resultTab({ number: 1 })).not.toHaveClass(
    /jp-mod-dirty/
  );
  expect(await server.sessions()).toEqual(['experiment.ipynb']);
});
