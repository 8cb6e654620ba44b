import { expect, test } from './fixtures';
import { notebook } from './notebooks';

test('an execution is restored as a new notebook, which overwrites nothing', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('source.ipynb', notebook(['print("old")']));
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');
  const changed = notebook(['print("new")']);
  await server.write('source.ipynb', changed);

  await executions.choose(number, 'Restore as a New Notebook');
  await expect(
    page.getByRole('tab', { name: `source (from #${number}).ipynb` })
  ).toBeVisible();
  await executions.choose(number, 'Restore as a New Notebook');

  await expect.poll(() => server.files()).toHaveLength(3);
  expect(await server.read(path)).toBe(changed);
  for (const file of await server.files()) {
    if (file !== 'source.ipynb') {
      expect(await server.read(`${server.folder}/${file}`)).toContain('old');
    }
  }
});

test('an execution is renamed, starred, deleted and taken back', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('keep.ipynb', notebook(['print(1)']));
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { id, number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');
  const row = executions.row(number);
  // New each time, so that the search finds one.
  const title = `The good one of ${Date.now()}`;

  await executions.choose(number, 'Rename');
  await row.getByRole('textbox', { name: `Title of #${number}` }).fill(title);
  await page.keyboard.press('Enter');
  await expect(row).toContainText(title);
  await expect(executions.rowButton(number)).toBeFocused();

  await executions.act(number, 'Star');
  await expect(row).toContainText('starred');
  expect(await server.execution(id)).toMatchObject({
    title,
    starred: true
  });

  await executions.act(number, 'Delete');
  await expect(row).toHaveCount(0);
  await expect(executions.panel).toContainText(`Deleted #${number}`);
  await executions.panel.getByRole('button', { name: 'Undo' }).click();

  await expect(row).toContainText(title);
  await expect(executions.rowButton(number)).toBeFocused();
  await executions.reload();
  await executions.openSidebar();
  await expect(row).toContainText(title);
  await executions.panel
    .getByRole('searchbox', { name: 'Search executions' })
    .fill(title);
  await expect(executions.rows).toHaveCount(1);
  await expect(row).toContainText('starred');
});

test('tags and a note are written on a result, and found again', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('noted.ipynb', notebook(['print(1)']));
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { id, number } = await executions.submit();
  await executions.expectStatus(number, 'Succeeded');
  const tag = `tag${Date.now()}`;
  await executions.rowButton(number).click();
  const receipt = page.locator('.jp-Receipt');

  await receipt.getByRole('button', { name: 'Note and tags' }).click();
  await receipt.getByLabel('Tags, separated by commas').fill(`paper, ${tag}`);
  await receipt.getByLabel('Note', { exact: true }).fill('The one to show.');
  await receipt.getByRole('button', { name: 'Save' }).click();

  await expect(receipt.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();
  await expect(receipt.getByRole('list', { name: 'Tags' })).toContainText(tag);
  await expect(receipt).toContainText('The one to show.');
  expect(await server.execution(id)).toMatchObject({
    tags: ['paper', tag],
    note: 'The one to show.'
  });
  await executions.panel
    .getByRole('searchbox', { name: 'Search executions' })
    .fill(tag);
  await expect(executions.rows).toHaveCount(1);
  await expect(executions.row(number)).toBeVisible();
});
