/**
 * A whole study by clicks alone. The short form is the study of the examples; a larger one:
 *
 *   STUDY=folder GRID='{"hidden": "16, 32"}' STUDY_PICTURES=folder npx playwright test study
 */
import { readdirSync, readFileSync } from 'fs';
import { join } from 'path';

import type { AnyPage } from './executions';
import { expect, test } from './fixtures';

const STUDY =
  process.env.STUDY ?? join(__dirname, '..', '..', 'examples', 'study');

/** For each parameter the values that are typed. */
const GRID = JSON.parse(
  process.env.GRID ?? '{"learning_rate": "0.3, 0.03", "hidden": "2, 8"}'
) as Record<string, string>;

const N_TRIALS = Object.values(GRID)
  .map(values => values.split(',').length)
  .reduce((product, count) => product * count, 1);

/** Where pictures are kept; none are taken without. */
const PICTURES = process.env.STUDY_PICTURES;

const THEMES = PICTURES ? ['Light', 'Dark'] : ['Light'];

// As wide as the other pictures of the documentation.
test.use(PICTURES ? { viewport: { width: 1240, height: 720 } } : {});

async function picture(page: AnyPage, name: string): Promise<void> {
  if (PICTURES !== undefined) {
    await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  }
}

for (const theme of THEMES) {
  test(`a study is done by clicks: grid, best so far, comparison, the best into a notebook (${theme})`, async ({
    page,
    executions,
    server
  }) => {
    test.setTimeout(90_000 + N_TRIALS * 20_000);
    const shoot = (name: string): Promise<void> =>
      picture(page, `study-${name}-${theme.toLowerCase()}`);
    await page.theme.setTheme(`JupyterLab ${theme}`);
    for (const name of readdirSync(STUDY)) {
      if (!name.startsWith('.')) {
        await server.write(name, readFileSync(join(STUDY, name), 'utf8'));
      }
    }
    await page.notebook.openByPath(`${server.folder}/train.ipynb`);
    await executions.openSidebar();

    // The grid is typed into the form.
    await executions.openForm();
    for (const [name, values] of Object.entries(GRID)) {
      await executions.form
        .getByRole('button', { name: `${name}: several values` })
        .click();
      await executions.form.getByRole('textbox', { name }).fill(values);
    }
    const send = executions.form.getByRole('button', {
      name: `Run ${N_TRIALS} executions`
    });
    await expect(send).toBeVisible();
    await shoot('form');
    const answer = page.waitForResponse(
      response =>
        new URL(response.url()).pathname.endsWith('/async-exec/sweeps') &&
        response.request().method() === 'POST' &&
        response.status() === 201
    );
    await send.click();
    const sweep = (await (await answer).json()) as {
      first_number: number;
      last_number: number;
    };
    const row = executions.sweepRow(sweep.first_number, sweep.last_number);
    await expect(row).toBeVisible();

    // Compared while it runs, by the metric that counts.
    await executions.chooseFor(row, 'Compare');
    const view = page.getByRole('region', { name: 'Comparison' });
    const table = view.getByRole('table', { name: 'Executions' });
    await expect(view.getByLabel('Goal')).toContainText('val_acc', {
      timeout: 60_000
    });
    await view.getByLabel('Goal').selectOption('val_acc');
    await view.getByLabel('Which values are better').selectOption('maximise');
    await expect(view).toContainText(/best (so far )?val_acc 0\.\d+ \(#\d+\)/);
    await shoot('running');
    await expect(row).toContainText(/best \d/);
    await expect(view).not.toContainText(/running|best so far/, {
      timeout: N_TRIALS * 20_000
    });
    await expect(table.getByRole('rowheader').first()).toBeVisible();

    // One notice for all of them.
    await expect(executions.toasts).toHaveCount(1);
    await shoot('notice');
    await view.getByRole('tab', { name: 'Charts' }).click();
    await expect(view.locator('.jp-AsyncExecChart svg').first()).toBeVisible();
    await shoot('charts');
    await view.getByRole('tab', { name: 'Table' }).click();

    // The best three are handed to the notebook beside it.
    await view.getByRole('button', { name: 'Top 3 by val_acc' }).click();
    await shoot('table');
    await view
      .getByRole('button', { name: 'Collect 3 with notebook…' })
      .click();
    const collected = await executions.accepted(() =>
      page
        .getByRole('dialog')
        .getByRole('button', { name: /collect\.ipynb|Collect/ })
        .first()
        .click()
    );
    await executions.expectStatus(collected.number, 'Succeeded');
    const numbers = (collected.collects as { executions: string[] } | undefined)
      ?.executions;
    expect(numbers).toHaveLength(3);
    await executions.rowButton(collected.number).click();
    await expect(executions.receipt).toContainText('Succeeded');
    await shoot('collected');
    const executed = await server.notebook(collected.id);
    expect(executed).toContain('val_acc');
  });
}
