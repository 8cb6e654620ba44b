import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

test('an execution goes on while the page is reloaded, and is told of afterwards', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'reload.ipynb',
    notebook([waitFor('started', gate.path), 'print(6 * 7)'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');
  const sessions = await server.sessions();

  await executions.reload();
  await executions.openSidebar();
  await executions.expectStatus(number, 'Running');
  // A running execution opens too, and shows what is there so far.
  await executions.rowButton(number).click();
  await expect(executions.receipt).toContainText('Still running');
  await expect(executions.cells.nth(0)).toContainText('started');
  expect(await server.sessions()).toEqual(sessions);
  await executions
    .resultTab({ number })
    .getByTitle(/^Close/)
    .click();
  await expect(executions.receipt).toHaveCount(0);
  gate.open();

  await executions.expectStatus(number, 'Succeeded');
  await executions.toast(number).getByRole('button', { name: /^Open/ }).click();
  await expect(executions.receipt).toContainText('Succeeded');
  await expect(executions.cells.nth(1)).toContainText('42');
});
