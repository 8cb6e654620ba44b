import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

test('everything works without a mouse', async ({
  page,
  executions,
  server,
  gate
}) => {
  /** Show the sidebar from the command palette. */
  const showSidebar = async (): Promise<void> => {
    await page.keyboard.press('Control+Shift+C');
    const palette = page.locator('#modal-command-palette');
    await expect(palette).toBeVisible();
    await page.keyboard.type('Show Executions');
    await expect(palette.locator('.lm-mod-active')).toContainText(
      'Show Executions'
    );
    await page.keyboard.press('Enter');
  };
  const path = await server.write(
    'keys.ipynb',
    notebook([waitFor('started', gate.path)])
  );
  await page.notebook.openByPath(path);
  // JupyterLab gives a notebook the focus once, when it has come up.
  await expect(page.getByText('| Idle')).toBeVisible();
  await executions.editor.focus();
  await expect(executions.editor).toBeFocused();

  // Submit.
  const { number } = await executions.accepted(() =>
    page.keyboard.press('Control+Alt+e')
  );
  await expect(executions.button).toContainText(`#${number}`);
  await expect(executions.editor).toBeFocused();

  // Reach the sidebar.
  await showSidebar();
  await expect(executions.rowButton(number)).toBeFocused();

  // Cancel: the arrow keys go to the buttons of the row.
  await executions.expectStatus(number, 'Running');
  const cancel = executions
    .row(number)
    .getByRole('button', { name: `Cancel: #${number}` });
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(cancel).toBeFocused();
  await page.keyboard.press('Enter');
  await executions.expectStatus(number, 'Cancelled');

  // Open.
  await expect(executions.rowButton(number)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(executions.receipt).toContainText('Cancelled');

  // Delete.
  await showSidebar();
  await expect(executions.rowButton(number)).toBeFocused();
  await page.keyboard.press('Delete');
  await expect(executions.row(number)).toHaveCount(0);
  await expect(executions.panel).toContainText(`Deleted #${number}`);
});
