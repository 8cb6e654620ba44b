import AxeBuilder from '@axe-core/playwright';
import type { Locator } from '@playwright/test';
import { expect, test } from '@playwright/test';

import { Executions } from './executions';
import { notebook } from './notebooks';
import { OwnServer } from './server';

const PARAMETERS = [
  'from pathlib import Path',
  'lr: float = 0.5',
  'n: int = 1',
  'source: Path = Path("data/a.csv")'
].join('\n');

/** JupyterLab, as far as a test asks it for something. */
interface IWindow {
  jupyterapp: {
    commands: { execute(id: string, args: object): Promise<unknown> };
  };
}

let server: OwnServer;

test.beforeAll(async () => {
  server = await OwnServer.start();
});

test.afterAll(async () => {
  await server.dispose();
});

test('values come from tables and files, are searched, and more are added later; what is not committed shows', async ({
  page
}, testInfo) => {
  // A server of its own starts its first kernel here.
  test.setTimeout(180_000);
  const executions = new Executions(page);
  const { form } = executions;
  const named = (role: 'textbox' | 'button', name: string): Locator =>
    form.getByRole(role, { name, exact: true });
  const choose = async (name: string): Promise<void> => {
    await form.locator('.jp-DirListing-item', { hasText: name }).click();
    await named('button', 'Select').click();
  };
  /** Look at it in both themes, and let axe look. */
  const look = async (
    name: string,
    part = '.jp-ParametersDialog'
  ): Promise<void> => {
    for (const theme of ['JupyterLab Dark', 'JupyterLab Light']) {
      await page.evaluate(
        (theme_: string) =>
          (window as unknown as IWindow).jupyterapp.commands.execute(
            'apputils:change-theme',
            { theme: theme_ }
          ),
        theme
      );
      await expect(page.locator('body')).toHaveAttribute(
        'data-jp-theme-light',
        String(theme.endsWith('Light'))
      );
      await page.screenshot({
        path: testInfo.outputPath(`${name}-${theme.slice(11)}.png`),
        animations: 'disabled'
      });
      const { violations } = await new AxeBuilder({ page })
        .include(part)
        .analyze();
      expect(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
      ).toEqual([]);
    }
  };
  server.set('@jupyterlab/apputils-extension:notification', {
    fetchNews: 'false'
  });
  server.write('trials.csv', 'lr,n\n0.1,2\n0.2,3\n');
  server.write('other.txt', 'x');
  server.write(
    'varied.ipynb',
    notebook([
      { source: PARAMETERS, tags: ['parameters'] },
      'print("{\\"score\\": %s}" % lr)'
    ])
  );
  server.commit();
  server.write('other.txt', 'x, and y since');
  await page.goto(server.url('/lab/tree/varied.ipynb'));
  await executions.openSidebar();
  await executions.openForm();

  // A path is chosen among the files; the form comes back with it.
  await named('button', 'source: choose a file').click();
  await choose('other.txt');
  const source = named('textbox', 'source');
  await expect(source).toHaveValue('other.txt');

  // Only a search understands this; which metric it is for, the person says.
  const lr = named('textbox', 'lr');
  await lr.fill('log(1e-4, 1e-1)');
  await expect(form).toContainText('needs an objective');
  await form.getByRole('combobox', { name: 'Metric' }).fill('score');
  await form.getByRole('spinbutton', { name: 'How many' }).fill('12');
  await expect(named('button', 'Run 12 executions')).toBeVisible();
  await look('search');
  await named('button', 'lr: several values').click();

  // A table says what its rows are, and takes the fields of its columns.
  await named('button', 'Values from a table…').click();
  await named('button', 'Choose a file…').last().click();
  await choose('trials.csv');
  const table = named('textbox', 'Values from a table');
  await expect(table).toHaveValue('lr,n\n0.1,2\n0.2,3\n');
  await expect(lr).toBeDisabled();
  await expect(named('button', 'Run 2 executions')).toBeVisible();
  await look('table');
  await named('button', 'Run 2 executions').click();
  await expect(form).toHaveCount(0);
  const row = executions.sweepRow(1, 2);
  await expect(row).toContainText('2 succeeded', { timeout: 90_000 });

  // More of it, later: what is there already does not count.
  await row.hover();
  await row.getByRole('button', { name: /^Add values…/ }).click();
  await expect(source).toHaveValue('other.txt');
  await table.fill('lr,n\n0.2,3\n0.3,4\n');
  await expect(named('button', 'Add 1 execution')).toBeVisible();
  await expect(form).toContainText('1 is in the sweep already');
  await look('addition');
  await named('button', 'Add 1 execution').click();
  await expect(form).toHaveCount(0);
  await expect(executions.sweepRow(1, 3)).toContainText('3 succeeded', {
    timeout: 90_000
  });

  // What it was made from is whole only with what had not been committed.
  await executions.sweepButton(1, 3).click();
  await executions.rowButton(3).click();
  const { receipt } = executions;
  const changes = receipt.getByRole('region', { name: 'Uncommitted changes' });
  await expect(receipt).toContainText('with changes');
  await expect(changes).toHaveCount(0);
  await receipt.getByRole('button', { name: 'Uncommitted changes' }).click();
  await expect(changes).toContainText('other.txt');
  await expect(changes.getByRole('deletion')).toContainText('-x');
  await expect(changes.getByRole('insertion')).toContainText('+x, and y since');
  await look('changes', '.jp-Receipt');
});
