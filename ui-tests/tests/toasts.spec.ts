import { galata } from '@jupyterlab/galata';

import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

test('what ends together is told together', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'together.ipynb',
    notebook([waitFor('started', gate.path)])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');
  await executions.choose(number, 'Run Again');
  await executions.expectStatus(number + 1, 'Running');
  gate.open();

  await expect(executions.toasts).toHaveText(
    /2 executions are over: 2 succeeded/
  );
  await expect(executions.toasts).toHaveCount(1);
});

test('a sweep is one notice', async ({ page, executions, server, gate }) => {
  const path = await server.write(
    'swept.ipynb',
    notebook([
      { source: 'n = 1', tags: ['parameters'] },
      waitFor('started', gate.path),
      'assert n != 3'
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const last = await server.sweep(path, { n: '1..3' });
  await expect(executions.sweepButton(last - 2, last)).toBeVisible();
  gate.open();

  await expect(executions.toasts).toHaveText(
    /Sweep #\d+–\d+ is over: 2 succeeded, 1 failed\./
  );
  await expect(executions.toasts).toHaveCount(1);
});

test('nobody is told of the result in front of them', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'watched.ipynb',
    notebook([waitFor('started', gate.path)])
  );
  const later = await server.write('later.ipynb', notebook(['print(1)']));
  await page.notebook.openByPath(later);
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');
  await executions.rowButton(number).click();
  await expect(executions.receipt).toContainText('Still running');
  gate.open();
  await expect(executions.receipt).toContainText('Succeeded');

  // Another one that ends now would be told of together with it.
  await page.getByRole('tab', { name: 'later.ipynb' }).click();
  const other = await executions.submit();
  await expect(executions.toasts).toHaveText(
    new RegExp(`#${other.number} succeeded`)
  );
});

test.describe('by default', () => {
  test.use({ mockSettings: galata.DEFAULT_SETTINGS });

  test('only runs of ten seconds or more are told of', async ({
    page,
    executions,
    server,
    gate
  }) => {
    const long = await server.write(
      'long.ipynb',
      notebook([waitFor('started', gate.path)])
    );
    const short = await server.write('short.ipynb', notebook(['print(1)']));
    await page.notebook.openByPath(short);
    await page.notebook.openByPath(long);
    await executions.openSidebar();
    const first = await executions.submit();
    await executions.expectStatus(first.number, 'Running');
    await page.getByRole('tab', { name: 'short.ipynb' }).click();
    const second = await executions.submit();
    await executions.expectStatus(second.number, 'Succeeded');

    await expect(executions.row(first.number)).toContainText('0:11');
    await expect(executions.toasts).toHaveCount(0);
    gate.open();

    await expect(executions.toasts).toHaveText(
      new RegExp(`#${first.number} succeeded`)
    );
  });
});
