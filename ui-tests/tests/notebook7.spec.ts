import { expect, test } from '@playwright/test';

import { Executions } from './executions';
import { notebook } from './notebooks';
import { OwnServer } from './server';

let server: OwnServer;

test.beforeAll(async () => {
  server = await OwnServer.start('notebook');
});

test.afterAll(async () => {
  await server.dispose();
});

test('Notebook 7: one click, a row, and the result in a tab of its own', async ({
  page,
  context
}) => {
  server.write('seven.ipynb', notebook(['print(6 * 7)']));
  server.set('jupyter_async_exec:plugin', { minimumRunSeconds: 0 });
  const executions = new Executions(page);
  await page.goto(server.url('/notebooks/seven.ipynb'));
  await expect.poll(() => server.sessions()).toEqual(['seven.ipynb']);

  const { number } = await executions.submit();
  await expect(executions.toast(number)).toBeVisible();
  await executions.moreButton.click();
  await page
    .getByRole('menuitem', { name: 'Show Executions of This Notebook' })
    .click();
  await executions.expectStatus(number, 'Succeeded');

  const opened = context.waitForEvent('page');
  await executions.rowButton(number).click();
  const result = new Executions(await opened);

  await expect(result.receipt).toContainText('Succeeded');
  await expect(result.cells.first()).toContainText('42');
  await expect(result.button).toHaveCount(0);
  expect(await server.sessions()).toEqual(['seven.ipynb']);
});

test('Notebook 7: what the file browser submits is said without a status bar', async ({
  page
}) => {
  server.write('listed.ipynb', notebook(['1']));
  await page.goto(server.url('/tree'));
  const file = page.getByRole('listitem', { name: /listed\.ipynb/ });

  await file.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Run as Experiment' }).click();

  await expect(page.getByText(/Submitted #\d+: listed\.ipynb/)).toBeVisible();
});
