import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

const PARAMETERS = { source: 'n: int = 1', tags: ['parameters'] };

test('a sweep is one row that opens, and its executions are listed once', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'swept.ipynb',
    notebook([PARAMETERS, waitFor('started', gate.path), 'assert n != 3'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const last = await server.sweep(path, { n: '1..3' });
  const first = last - 2;
  const row = executions.sweepRow(first, last);
  const button = executions.sweepButton(first, last);

  // One row; its executions only while it is open, first ones first.
  await expect(button).toHaveAttribute('aria-expanded', 'false');
  await expect(executions.row(last)).toHaveCount(0);
  await expect(row).toContainText('0 of 3');
  await button.click();
  await expect(button).toHaveAttribute('aria-expanded', 'true');
  await expect(executions.row(first)).toHaveCount(1);
  await expect(executions.row(last)).toContainText('Waits for a free slot');

  // All of it by keys.
  await button.focus();
  await page.keyboard.press('ArrowDown');
  await expect(executions.rowButton(first)).toBeFocused();
  await page.keyboard.press('ArrowLeft');
  await expect(button).toBeFocused();
  await page.keyboard.press('ArrowLeft');
  await expect(executions.row(first)).toHaveCount(0);
  await page.keyboard.press('ArrowRight');
  await expect(executions.row(first)).toHaveCount(1);
  gate.open();

  await expect(row).toContainText('2 succeeded, 1 failed');
  await executions.expectStatus(last, 'Failed');

  // Who searches finds executions, one by one.
  await executions.panel.getByRole('searchbox').fill(`#${last}`);
  await expect(executions.rows).toHaveCount(1);
  await expect(executions.rowButton(last)).toBeVisible();
  await executions.panel.getByRole('searchbox').fill('');
  await expect(row).toBeVisible();

  // What failed runs again in the same row; then all of it goes, and comes back.
  await executions.chooseFor(row, 'Retry What Failed');
  const grown = executions.sweepRow(first, last + 1);
  await expect(grown).toContainText('2 succeeded, 1 failed');
  await expect(executions.row(last + 1)).toHaveCount(1);
  await executions.chooseFor(grown, 'Delete the Sweep');
  await expect(grown).toHaveCount(0);
  await executions.panel.getByRole('button', { name: 'Undo' }).click();
  await expect(grown).toBeVisible();
});

test('a sweep is cancelled as a whole, or only what waits', async ({
  page,
  executions,
  server,
  gate
}) => {
  const path = await server.write(
    'stopped.ipynb',
    notebook([PARAMETERS, waitFor('started', gate.path)])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const last = await server.sweep(path, { n: '1..4' });
  const row = executions.sweepRow(last - 3, last);
  await expect(row).toContainText('0 of 4');
  await expect(row).toHaveAttribute('data-status', 'running');

  await executions.chooseFor(row, 'Stop the Rest');
  await expect(row).toContainText('3 of 4');
  await row.hover();
  await row.getByRole('button', { name: /^Cancel/ }).click();

  await expect(row).toContainText('4 cancelled');
});
