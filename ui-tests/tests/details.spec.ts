import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

test('a result that runs shows where it is, and looks for no kernel', async ({
  page,
  executions,
  server,
  gate
}) => {
  const errors: string[] = [];
  page.on('pageerror', error => errors.push(error.message));
  const path = await server.write(
    'live.ipynb',
    notebook([
      'for number in range(20_000):\n    print("line", number)',
      waitFor('started', gate.path)
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Running');

  await executions.rowButton(number).click();

  await expect(executions.resultTab({ number })).toContainText(
    `#${number} live.ipynb`
  );
  await expect(executions.cells.nth(1)).toContainText('[*]:');
  // Of long text there is the end, from the first picture on.
  await expect(executions.cells.nth(0)).toContainText('lines above are in the log');
  await expect(executions.cells.nth(0)).toContainText('line 19999');
  const statusBar = page.locator('#jp-main-statusbar');
  await expect(statusBar).toContainText('No Kernel');
  await expect(statusBar).not.toContainText('Initializing');

  gate.open();
  await expect(executions.cells.nth(1)).toContainText('[2]:');
  await expect(executions.cells.nth(0)).toContainText(/line 0\s+line 1\s/);
  expect(errors).toEqual([]);
});

test('the files of a result are those that the notebook made', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'files.ipynb',
    notebook(['open("a.txt", "w").write("a"); open("longer.csv", "w").write("b")'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');
  await executions.rowButton(number).click();

  await executions.receipt.getByRole('button', { name: 'Artifacts (2)' }).click();

  const files = executions.receipt.getByRole('list', { name: 'Artifacts' });
  await expect(files.getByRole('listitem')).toHaveText([
    /^a\.txt/,
    /^longer\.csv/,
    /^The executed notebook/
  ]);
});

test('what the file browser submits is said in the status bar', async ({
  page,
  executions,
  server
}) => {
  await server.write('chosen.ipynb', notebook(['print(1)']));
  await page.filebrowser.openDirectory(server.folder);
  const item = page.locator('.jp-DirListing-item', { hasText: 'chosen.ipynb' });
  await item.click({ button: 'right' });

  const { number } = await executions.accepted(() =>
    page
      .getByRole('menu')
      .getByRole('menuitem', { name: 'Run as Experiment' })
      .click()
  );

  const said = page
    .locator('#jp-main-statusbar')
    .getByText(`Submitted #${number}: chosen.ipynb`);
  await expect(said).toBeVisible();
  await expect(said).toBeHidden();
});

test('keys lead to the end of a long list and back', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('many.ipynb', notebook(['print(1)']));
  await executions.openSidebar();
  const first = await server.submit(path);
  await executions.expectStatus(first, 'Succeeded');
  const last = await server.submit(path);
  await executions.expectStatus(last, 'Succeeded');
  await executions.rowButton(last).focus();

  await page.keyboard.press('End');
  await expect(executions.rows.last().getByRole('button').first()).toBeFocused();
  await page.keyboard.press('Home');
  await expect(executions.rowButton(last)).toBeFocused();
});
