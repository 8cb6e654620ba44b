import { Executions } from './executions';
import { expect, test } from './fixtures';
import { notebook } from './notebooks';
import { OwnServer } from './server';

const PARAMETERS = [
  'activation = "relu"  # choices: relu, tanh',
  'dropout = 0.1  # 0 <= dropout < 1',
  'epochs = 4'
].join('\n');

test('values are offered, checked, and kept under a name', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'presets.ipynb',
    notebook([
      { source: PARAMETERS, tags: ['parameters'] },
      'print(activation, dropout, epochs)'
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { form } = executions;
  const activation = form.getByRole('combobox', { name: 'activation' });
  const dropout = form.getByRole('textbox', { name: 'dropout' });
  const preset = form.getByRole('combobox', { name: 'Preset' });

  // A choice is a list, a range is checked at the field.
  await executions.openForm();
  await expect(activation.getByRole('option')).toHaveText(['relu', 'tanh']);
  await activation.selectOption('tanh');
  await dropout.fill('1');
  await executions.formButton.click();
  await expect(form).toContainText(
    'This must be a number at least 0 and below 1.'
  );
  await dropout.fill('0.5');

  // Enter in the name saves the preset and does not run anything.
  await form.getByRole('button', { name: 'Save as…' }).click();
  await form.getByRole('textbox', { name: 'Name of the preset' }).fill('half');
  await page.keyboard.press('Enter');
  await expect(preset).toHaveValue('half');
  const { number } = await executions.accepted(() =>
    executions.formButton.click()
  );
  await expect(executions.row(number)).toBeVisible();

  // What was kept is there again, whatever stands in the form.
  await executions.openForm();
  await form.getByRole('button', { name: 'Reset to defaults' }).click();
  await expect(activation).toHaveValue('relu');
  await preset.selectOption('half');
  await expect(activation).toHaveValue('tanh');
  await expect(dropout).toHaveValue('0.5');
  await form.getByRole('button', { name: 'Delete the preset half' }).click();
  await expect(preset).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(form).toHaveCount(0);

  // The values of an execution, for the notebook as it is now.
  await executions.row(number).click({ button: 'right' });
  await page
    .getByRole('menuitem', { name: 'Run This Notebook with These Parameters…' })
    .click();
  await expect(form).toContainText('Run presets.ipynb with parameters');
  await expect(activation).toHaveValue('tanh');
  await page.keyboard.press('Escape');
});

test('room is shown, and made after a look at what would go', async ({
  browser
}) => {
  // Nobody else's executions may be counted, or go.
  const server = await OwnServer.start();
  try {
    const page = await browser.newPage();
    const executions = new Executions(page);
    server.write('space.ipynb', notebook(['print(1)']));
    await page.goto(server.url('/lab/tree/space.ipynb'));
    await executions.openSidebar();
    const { number } = await executions.accepted(() =>
      executions.button.click()
    );
    await executions.expectStatus(number, 'Succeeded');
    const dialog = page.getByRole('dialog');

    await page
      .getByRole('button', { name: 'More about all executions' })
      .click();
    await page.getByRole('menuitem', { name: /Free Up Space…$/ }).click();
    await expect(dialog).toContainText('Nothing would go.');
    await dialog
      .getByRole('combobox', { name: 'What may go' })
      .selectOption('all');
    await expect(dialog).toContainText('Nothing would go.');
    await dialog.getByRole('checkbox').uncheck();
    await expect(dialog).toContainText('1 execution would go');
    await expect(
      dialog.getByRole('list', { name: 'What would go' })
    ).toContainText(`#${number}`);
    await dialog.getByRole('button', { name: 'Remove' }).click();

    await expect(executions.row(number)).toHaveCount(0);
    await page.close();
  } finally {
    await server.dispose();
  }
});
