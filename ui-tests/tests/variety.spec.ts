import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';

import { expect, test } from './fixtures';
import { notebook } from './notebooks';

const PARAMETERS = [
  'from pathlib import Path',
  'lr: float = 0.5',
  'n: int = 1',
  'source: Path = Path("data/a.csv")'
].join('\n');

test('values come from tables and files, and more are added later', async ({
  page,
  executions,
  server
}, testInfo) => {
  const { form } = executions;
  const path = await server.write(
    'varied.ipynb',
    notebook([
      { source: PARAMETERS, tags: ['parameters'] },
      'print("{\\"score\\": %s}" % lr)'
    ])
  );
  await server.write('trials.csv', 'lr,n\n0.1,2\n0.2,3\n');
  await server.write('other.txt', 'x');
  const choose = async (name: string): Promise<void> => {
    const dialog = page.getByRole('dialog');
    await dialog.locator('.jp-DirListing-item', { hasText: name }).click();
    await dialog.getByRole('button', { name: 'Select' }).click();
  };
  const looksRight = async (name: string): Promise<void> => {
    for (const theme of ['JupyterLab Dark', 'JupyterLab Light']) {
      await page.theme.setTheme(theme);
      await page.screenshot({
        path: testInfo.outputPath(`${name}-${theme.slice(11)}.png`),
        animations: 'disabled'
      });
      const { violations } = await new AxeBuilder({
        page: page as unknown as Page
      })
        .setLegacyMode(true)
        .include('.jp-ParametersDialog')
        .analyze();
      expect(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
      ).toEqual([]);
    }
  };
  const run = (label: string): Locator =>
    form.getByRole('button', { name: label, exact: true });
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  await executions.openForm();

  // A path is chosen among the files; the form comes back with it.
  await form.getByRole('button', { name: 'source: choose a file' }).click();
  await choose('other.txt');
  const source = form.getByRole('textbox', { name: 'source', exact: true });
  await expect(source).toHaveValue('other.txt');

  // Only a search understands this; which metric it is for, the person says.
  const lr = form.getByRole('textbox', { name: 'lr', exact: true });
  await lr.fill('log(1e-4, 1e-1)');
  await expect(form).toContainText('needs an objective', { timeout: 30_000 });
  await form.getByRole('combobox', { name: 'Metric' }).fill('score');
  await form.getByRole('spinbutton', { name: 'How many' }).fill('12');
  await expect(run('Run 12 executions')).toBeVisible({ timeout: 30_000 });
  await looksRight('search');
  await form.getByRole('button', { name: 'lr: several values' }).click();

  // A table says what its rows are, and takes the fields of its columns.
  await form.getByRole('button', { name: 'Values from a table…' }).click();
  await form.getByRole('button', { name: 'Choose a file…' }).last().click();
  await choose('trials.csv');
  const table = form.getByRole('textbox', { name: 'Values from a table' });
  await expect(table).toHaveValue('lr,n\n0.1,2\n0.2,3\n');
  await expect(lr).toBeDisabled();
  await expect(run('Run 2 executions')).toBeVisible();
  await looksRight('table');
  await run('Run 2 executions').click();
  await expect(form).toHaveCount(0);
  const row = executions.rows.first();
  await expect(row).toContainText('2 succeeded', { timeout: 30_000 });

  // More of it, later: what is there already does not count.
  await row.hover();
  await row.getByRole('button', { name: /^Add values…/ }).click();
  await expect(source).toHaveValue('other.txt');
  await table.fill('lr,n\n0.2,3\n0.3,4\n');
  await expect(run('Add 1 execution')).toBeVisible();
  await expect(form).toContainText('1 is in the sweep already');
  await looksRight('addition');
  await run('Add 1 execution').click();
  await expect(form).toHaveCount(0);
  await expect(row).toContainText('3 succeeded', { timeout: 30_000 });
});
