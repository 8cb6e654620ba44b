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

test('an execution outlives the server, and the page finds out by itself', async ({
  page
}, testInfo) => {
  test.setTimeout(120_000);
  const first = new Gate(testInfo.outputPath('first'));
  const second = new Gate(testInfo.outputPath('second'));
  server.write(
    'long.ipynb',
    notebook([
      waitFor('one', first.path),
      waitFor('two', second.path),
      'print("three")'
    ])
  );
  const executions = new Executions(page);
  // JupyterLab says so as well, in front of everything.
  const dialog = page.getByRole('dialog', { name: /Server Connection Error/ });
  await page.addLocatorHandler(dialog, () =>
    dialog.getByRole('button').last().click()
  );
  await page.goto(server.url('/lab/tree/long.ipynb'));
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');

  await server.kill();
  // It goes on without a server, and with the next one.
  first.open();
  await server.start();
  await expect(executions.row(number)).toContainText('cell 2 of 3', {
    timeout: 60_000
  });
  second.open();

  await executions.expectStatus(number, 'Succeeded');
  await executions.rowButton(number).click();
  await expect(executions.cells.nth(0)).toContainText('one');
  await expect(executions.cells.nth(2)).toContainText('three');
});
