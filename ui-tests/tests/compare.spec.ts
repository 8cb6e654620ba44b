import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { readFileSync } from 'fs';

import type { AnyPage } from './executions';
import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

/** Where pictures of every view are kept; none are taken without. */
const PICTURES = process.env.COMPARE_PICTURES;

const PARAMETERS = {
  source: 'rate: float = 0.1\nunits: int = 16\nseed: int = 7',
  tags: ['parameters']
};

/** Learns, as far as a chart can see. */
const TRAIN = [
  'import json',
  'for epoch in range(12):',
  '    loss = 1 / (1 + epoch * rate * 10) + 1 / units',
  "    print(json.dumps({'epoch': epoch, 'loss': round(loss, 4), 'val_acc': round(1 - loss / 2, 4)}))"
].join('\n');

/** Shows something, and tries to run something. */
const SHOW = [
  'from IPython.display import HTML, display',
  'display(HTML(f"<b>rate is {rate}</b>'
    + "<script>window.ranInCompare=true</script>"
    + '<img src=x: onerror=\'window.ranInCompare=true\'>"))'
].join('\n');

/** The tab in which executions lie side by side. */
function comparison(page: AnyPage): Locator {
  return page.getByRole('region', { name: 'Comparison' });
}

async function picture(page: AnyPage, name: string): Promise<void> {
  if (PICTURES !== undefined) {
    await page.waitForTimeout(800);
    await page.screenshot({ path: `${PICTURES}/${name}.png` });
  }
}

async function violations(page: AnyPage): Promise<unknown[]> {
  const { violations: found } = await new AxeBuilder({
    page: page as unknown as Page
  })
    .setLegacyMode(true)
    .include('.jp-Compare')
    .analyze();
  return found.map(({ id, nodes }) => ({
    id,
    nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary])
  }));
}

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`what was chosen lies side by side (${theme})`, async ({
    page,
    executions,
    server
  }) => {
    const mode = theme.endsWith('Dark') ? 'dark' : 'light';
    const path = await server.write(
      'train.ipynb',
      notebook([PARAMETERS, TRAIN, SHOW])
    );
    await page.theme.setTheme(theme);
    await executions.openSidebar();
    const last = await server.sweep(path, { rate: '0.05, 0.5', units: '8, 64' });
    await executions.sweepButton(last - 3, last).click();
    await executions.expectStatus(last, 'Succeeded');
    const view = comparison(page);
    const tab = (name: string): Locator => view.getByRole('tab', { name });

    // Chosen as in any list, and opened by a click alone.
    await executions.rowButton(last).click({ modifiers: ['Control'] });
    await executions.rowButton(last - 3).click({ modifiers: ['Shift'] });
    await expect(executions.panel).toContainText('4 selected');
    await expect(view).toHaveCount(0);
    await executions.panel.getByRole('button', { name: 'Compare' }).click();

    const table = view.getByRole('table', { name: 'Executions' });
    await expect(table.getByRole('rowheader')).toHaveCount(4);
    const heads = table.getByRole('columnheader');
    await expect(heads.filter({ hasText: 'rate' })).toBeVisible();
    await expect(heads.filter({ hasText: 'seed' })).toHaveCount(0);
    await view.getByLabel('Only what differs').uncheck();
    await expect(heads.filter({ hasText: 'seed' })).toBeVisible();
    await view.getByLabel('Only what differs').check();

    await view.getByLabel('Goal').selectOption('val_acc');
    await view.getByLabel('Which values are better').selectOption('maximise');
    const best = table.getByRole('row').filter({ hasText: 'best' });
    await expect(best).toContainText(`#${last}`);
    await heads.filter({ hasText: 'val_acc' }).getByRole('button').click();
    await expect(table.getByRole('rowheader').first()).toHaveText(`#${last}`);
    await view.getByRole('button', { name: 'Top 3 by val_acc' }).click();
    await expect(view).toContainText('3 selected');
    await expect(executions.row(last)).toContainText(/0\.9\d+/);
    expect(await violations(page)).toEqual([]);
    await picture(page, `compare-table-${mode}`);

    const download = page.waitForEvent('download');
    await view.getByRole('button', { name: 'Download CSV' }).click();
    const csv = readFileSync(await (await download).path(), 'utf8');
    expect(csv).toContain('number,status,rate,units,loss,val_acc,duration_s');
    expect(csv.trim().split('\r\n')).toHaveLength(4);

    await tab('Charts').click();
    await expect(view.locator('.jp-AsyncExecChart svg')).toHaveCount(3);
    expect(await violations(page)).toEqual([]);
    await picture(page, `compare-charts-${mode}`);

    await tab('Outputs').click();
    const sides = view.getByRole('region', { name: 'Outputs side by side' });
    await expect(sides).toContainText('rate is 0.5');
    await expect(sides).toContainText('rate is 0.05');
    await expect(sides.locator('script, [onerror]')).toHaveCount(0);
    expect(await page.evaluate('window.ranInCompare')).toBeUndefined();
    expect(await violations(page)).toEqual([]);
    await picture(page, `compare-outputs-${mode}`);

    await tab('Differences').click();
    await expect(view).toContainText('are the same in all of them');
    expect(await violations(page)).toEqual([]);
  });
}

test('a comparison follows what runs, stops it, and is there after a reload', async ({
  page,
  executions,
  server,
  gate
}) => {
  const wait = { source: `if rate > 0.1:\n    ${waitFor('waits', gate.path).replace(/\n/g, '\n    ')}` };
  const path = await server.write(
    'live.ipynb',
    notebook([PARAMETERS, TRAIN, wait])
  );
  await executions.openSidebar();
  const last = await server.sweep(path, { rate: '0.1, 0.2, 0.3, 0.4' });
  await executions.sweepButton(last - 3, last).click();
  await executions.expectStatus(last - 3, 'Succeeded');
  const { sweep_id } = await server.execution(String(last));
  const saved = page.waitForRequest(
    request =>
      request.method() === 'PUT' &&
      (request.postData() ?? '').includes('jupyter-async-exec-compare')
  );
  await page.evaluate(
    sweep =>
      window.jupyterapp.commands.execute('jupyter-async-exec:compare', {
        sweep
      }),
    sweep_id as string
  );

  const view = comparison(page);
  await expect(view).toContainText('4 executions · 1 done');
  await saved;
  await executions.reload();
  await expect(view).toContainText('4 executions · 1 done');
  const stop = view.getByRole('button', { name: 'Stop the rest' });
  await stop.click();
  await expect(view.getByText('Cancelled', { exact: true })).toHaveCount(1);
  await expect(stop).toBeDisabled();
  gate.open();
  await expect(view.getByText('Succeeded', { exact: true })).toHaveCount(3);
  await expect(stop).toHaveCount(0);
});

test('the best go into a notebook that collects them, and metrics are drawn', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'train.ipynb',
    notebook([PARAMETERS, TRAIN])
  );
  await server.write(
    'collect.ipynb',
    notebook([
      { source: 'executions = []', tags: ['parameters'] },
      'print("collected", sorted(each["parameters"]["rate"] for each in executions))'
    ])
  );
  await executions.openSidebar();
  const last = await server.sweep(path, { rate: '0.1, 0.2, 0.3' });
  await executions.sweepButton(last - 2, last).click();
  await executions.expectStatus(last, 'Succeeded');
  await executions.rowButton(last).click();
  await executions.receipt.getByRole('button', { name: 'Metrics (2)' }).click();
  await expect(executions.receipt.locator('svg.marks')).toHaveCount(2);
  await picture(page, 'result-metrics-light');
  await executions.rowButton(last).click({ modifiers: ['Control'] });
  await executions.rowButton(last - 1).click({ modifiers: ['Control'] });
  await executions.panel.getByRole('button', { name: 'Compare' }).click();
  const view = comparison(page);
  await view.getByLabel('Select all').check();
  await view.getByRole('button', { name: 'Collect 2 with notebook…' }).click();

  const { number } = await executions.accepted(() =>
    page.getByRole('dialog').getByRole('button', { name: 'Collect' }).click()
  );
  await executions.expectStatus(number, 'Succeeded');
  await executions.rowButton(number).click();
  await expect(executions.cells.last()).toContainText('collected [0.2, 0.3]');

  // All of them, from the row of the sweep.
  await executions.chooseFor(
    executions.sweepRow(last - 2, last),
    'Collect Its Results…'
  );
  const all = await executions.accepted(() =>
    page.getByRole('dialog').getByRole('button', { name: 'Collect' }).click()
  );
  await executions.expectStatus(all.number, 'Succeeded');
  await executions.rowButton(all.number).click();
  await expect(executions.cells.last()).toContainText('collected [0.1, 0.2, 0.3]');
});

test('a failure says what changed since the last success, and shows it', async ({
  page,
  executions,
  server
}) => {
  const good = await server.write('model.ipynb', notebook(['x = 1', 'print(x)']));
  await executions.openSidebar();
  const passed = await server.submit(good);
  await executions.expectStatus(passed, 'Succeeded');
  await server.write('model.ipynb', notebook(['x = 0', 'print(1 / x)']));
  const failed = await server.submit(good);
  await executions.expectStatus(failed, 'Failed');
  await executions.rowButton(failed).click();

  await expect(executions.receipt).toContainText(
    `Passed in #${passed}; since then: cells 1 and 2.`
  );
  await executions.receipt
    .getByRole('button', { name: `Compare with #${passed}` })
    .click();

  const view = comparison(page);
  await expect(view.getByRole('region', { name: 'Code' })).toContainText('+x = 0');
  await picture(page, 'compare-differences-light');
  expect(await violations(page)).toEqual([]);
});
