import type { Page } from '@playwright/test';
import { expect, test } from '@playwright/test';
import { mkdirSync } from 'fs';
import { join } from 'path';

import { Executions } from './executions';
import { Gate } from './gate';
import { example, notebook, waitFor } from './notebooks';
import { OwnServer } from './server';

/** Where the documentation finds them. */
const IMAGES = join(__dirname, '..', '..', 'docs', 'images');

const isWanted = process.env.UPDATE_SCREENSHOTS === '1';

let server: OwnServer;

test.beforeAll(async () => {
  server = await OwnServer.start();
});

test.afterAll(async () => {
  await server.dispose();
});

test.use({ viewport: { width: 1240, height: 720 } });

test('sidebar, result and form look the same in light and dark', async ({
  page
}, testInfo) => {
  test.setTimeout(120_000);
  const shoot = async (name: string): Promise<void> => {
    mkdirSync(IMAGES, { recursive: true });
    await page.mouse.move(900, 700);
    await page.screenshot({
      path: isWanted ? join(IMAGES, name) : testInfo.outputPath(name),
      animations: 'disabled',
      caret: 'hide'
    });
  };
  const gate = new Gate(testInfo.outputPath('gate'));
  const executions = await makeHistory(page, gate);
  try {
    for (const theme of ['Light', 'Dark']) {
      await useTheme(page, theme);
      await executions.openSidebar();
      await expect(executions.row(5)).toContainText('cell 4 of 6');
      await shoot(`sidebar-${theme.toLowerCase()}.png`);

      await executions.openForm();
      await executions.form
        .getByRole('textbox', { name: 'epochs' })
        .fill('forty');
      await executions.form
        .getByRole('textbox', { name: 'learning_rate' })
        .fill('0.25');
      await executions.formButton.click();
      await expect(executions.form).toContainText('Enter a whole number.');
      await shoot(`form-${theme.toLowerCase()}.png`);
      await executions.form.getByRole('button', { name: 'Cancel' }).click();

      await executions.rowButton(2).click();
      await expect(executions.receipt).toContainText('KeyError');
      await expect(executions.cells.nth(2)).toBeInViewport();
      await shoot(`result-${theme.toLowerCase()}.png`);
    }
  } finally {
    gate.open();
  }
});

/** Executions in every status, beside the notebook they come from. */
async function makeHistory(page: Page, gate: Gate): Promise<Executions> {
  server.write('first_experiment.ipynb', example('first_experiment.ipynb'));
  server.write('failing.ipynb', example('failing.ipynb'));
  server.write('regression.py', example('regression.py'));
  server.write('data/rooms.csv', example('data/rooms.csv'));
  server.write(
    'training.ipynb',
    notebook(['1', '2', '3', waitFor('epoch 1', gate.path), '5', '6'])
  );
  // JupyterLab's own question would cover a corner.
  server.set('@jupyterlab/apputils-extension:notification', {
    fetchNews: 'false'
  });
  const executions = new Executions(page);
  await page.goto(server.url('/lab/tree/first_experiment.ipynb'));
  await executions.openSidebar();
  const submit = (path: string, parameters = {}): Promise<void> =>
    server.post('/async-exec/executions', { path, parameters });

  await submit('first_experiment.ipynb', { epochs: 20 });
  await executions.expectStatus(1, 'Succeeded');
  await submit('failing.ipynb');
  await executions.expectStatus(2, 'Failed');
  await submit('first_experiment.ipynb', { learning_rate: 0.9, epochs: 30 });
  await executions.expectStatus(3, 'Succeeded');
  await executions.act(3, 'Star');
  await submit('training.ipynb');
  await executions.expectStatus(4, 'Running');
  await executions.act(4, 'Cancel');
  await executions.expectStatus(4, 'Cancelled');
  await submit('training.ipynb');
  await submit('training.ipynb');
  await executions.expectStatus(6, 'Running');
  await submit('first_experiment.ipynb', { learning_rate: 0.1 });
  await executions.expectStatus(7, 'Queued');
  return executions;
}

async function useTheme(page: Page, theme: string): Promise<void> {
  server.set('@jupyterlab/apputils-extension:themes', {
    theme: `JupyterLab ${theme}`
  });
  await page.goto(server.url('/lab/tree/first_experiment.ipynb'));
  await expect(page.locator('body')).toHaveAttribute(
    'data-jp-theme-light',
    String(theme === 'Light')
  );
  await expect(page.getByText('| Idle')).toBeVisible();
}
