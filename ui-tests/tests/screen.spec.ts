import { expect, test } from './fixtures';
import { notebook } from './notebooks';

test('what is on the screen runs, and nothing of it is saved', async ({
  page,
  executions,
  server
}) => {
  const saved = notebook(['print("as saved")']);
  const path = await server.write('dirty.ipynb', saved);
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const before = await server.read(path);
  const tab = page.getByRole('tab', { name: 'dirty.ipynb' });

  await executions.editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('print("as on the " + "screen")');
  await expect(tab).toHaveClass(/jp-mod-dirty/);
  const { id, number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');

  expect(await server.notebook(id)).toContain('as on the screen');
  expect(await server.read(path)).toBe(before);
  await expect(tab).toHaveClass(/jp-mod-dirty/);
});

test('a notebook whose file was renamed or deleted a moment ago runs', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('moved.ipynb', notebook(['print(6 * 7)']));
  await page.notebook.openByPath(path);
  await executions.openSidebar();

  await server.rename(path, `${server.folder}/elsewhere.ipynb`);
  const renamed = await executions.submit();
  await server.remove(`${server.folder}/elsewhere.ipynb`);
  await executions.editor.click();
  await page.keyboard.type('# deleted\n');
  const deleted = await executions.submit();

  expect(deleted.number).not.toBe(renamed.number);
  for (const { id, number } of [renamed, deleted]) {
    await executions.expectStatus(number, 'Succeeded');
    expect(await server.notebook(id)).toContain('42');
  }
  expect(await server.files()).toEqual([]);
});

test('a notebook that was never saved runs', async ({ page, executions }) => {
  await page.notebook.createNew();
  await executions.openSidebar();
  await executions.editor.click();
  await page.keyboard.type('print("unsaved")');

  const { number } = await executions.submit();

  await executions.expectStatus(number, 'Succeeded');
});

test('a double click is one execution', async ({
  page,
  executions,
  server
}) => {
  // A name of its own, so that its executions are the only ones in the list.
  const name = `twice-${Date.now()}.ipynb`;
  const path = await server.write(name, notebook(['print(1)']));
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  await executions.panel.getByRole('button', { name: 'This notebook' }).click();

  const { number } = await executions.accepted(() =>
    executions.button.dblclick()
  );

  await executions.expectStatus(number, 'Succeeded');
  await expect(executions.rows).toHaveCount(1);
});

test('a notebook whose kernel is not installed is refused in a sentence', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('klingon.ipynb', notebook(['1'], 'klingon'));
  // JupyterLab starts another kernel instead, and from then on the notebook names that one.
  await page.route(/\/api\/sessions/, async route => {
    if (route.request().method() !== 'POST') {
      await route.continue();
    }
  });
  await page.notebook.openByPath(path);
  await executions.button.click();

  await expect(executions.button).toContainText('Refused');
  await expect(
    page.getByRole('alert').filter({ hasText: 'klingon' })
  ).toBeVisible();
});
