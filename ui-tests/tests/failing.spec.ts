import { expect, test } from './fixtures';
import { example } from './notebooks';

test('a notebook that fails says where, and its result opens there', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('failing.ipynb', example('failing.ipynb'));
  await page.notebook.openByPath(path);
  await executions.openSidebar();

  const { number } = await executions.submit();
  await executions.expectStatus(number, 'Failed');
  await expect(executions.row(number)).toContainText(
    "cell 3: KeyError 'three'"
  );

  await executions.rowButton(number).click();

  await expect(executions.receipt).toContainText('Failed');
  await expect(executions.receipt).toContainText('KeyError');
  // The line in `look_up` that raised, and not the line that called it.
  await expect(executions.receipt).toContainText('line 2');
  const failed = executions.cells.nth(2);
  await expect(failed).toBeInViewport();
  await expect(failed).toHaveClass(/jp-mod-active/);
  await expect(failed).toContainText("KeyError: 'three'");
});
