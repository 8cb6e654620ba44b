import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

test('a cancelled execution keeps what it printed', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'endless.ipynb',
    notebook(['print("before")', waitFor('half way', gate.path), 'print(3)'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();

  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');
  await executions.act(number, 'Peek at the log');
  const log = executions.panel.getByLabel(`Log of #${number}`).last();
  await expect(log).toContainText('half way');

  await executions.act(number, 'Cancel');
  await executions.expectStatus(number, 'Cancelled');
  await executions.rowButton(number).click();

  await expect(executions.receipt).toContainText('Cancelled');
  await expect(executions.cells.nth(0)).toContainText('before');
  await expect(executions.cells.nth(1)).toContainText('half way');
  await expect(executions.cells.nth(2)).toContainText('[ ]:');
});
