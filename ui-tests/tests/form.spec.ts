import { expect, test } from './fixtures';
import { example, notebook } from './notebooks';

const PARAMETERS = [
  'learning_rate: float = 0.5  # step size',
  'epochs: int = 4  # how many steps',
  'label = "first"',
  'verbose = False'
].join('\n');

test('the form shows defaults, marks changes, checks at the field and remembers', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'form.ipynb',
    notebook([
      { source: PARAMETERS, tags: ['parameters'] },
      'print(learning_rate, epochs, label, verbose)'
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const { form } = executions;
  const epochs = form.getByRole('textbox', { name: 'epochs' });
  const reset = form.getByRole('button', { name: 'Reset to defaults' });

  // Defaults and comments of the notebook.
  await executions.openForm();
  await expect(form).toContainText('Run form.ipynb with parameters');
  await expect(
    form.getByRole('textbox', { name: 'learning_rate' })
  ).toHaveValue('0.5');
  await expect(epochs).toHaveValue('4');
  await expect(form.getByRole('textbox', { name: 'label' })).toHaveValue(
    'first'
  );
  await expect(
    form.getByRole('checkbox', { name: 'verbose' })
  ).not.toBeChecked();
  await expect(form).toContainText('how many steps');
  await expect(reset).toBeDisabled();

  // What differs from the default says so, and what the default is.
  await epochs.fill('7');
  await expect(form).toContainText('Default: 4');
  await expect(reset).toBeEnabled();

  // Text in a number is refused at the field, and the form stays.
  await epochs.fill('many');
  await executions.formButton.click();
  await expect(epochs).toHaveAttribute('aria-invalid', 'true');
  await expect(epochs).toBeFocused();
  await expect(
    form.locator(`#${await epochs.getAttribute('id')}__error`)
  ).toContainText('Enter a whole number.');
  await expect(form).toBeVisible();

  await epochs.fill('7');
  await form.getByRole('checkbox', { name: 'verbose' }).check();
  const { id, number } = await executions.accepted(() =>
    executions.formButton.click()
  );
  await expect(form).toHaveCount(0);
  await executions.expectStatus(number, 'Succeeded');
  expect(await server.notebook(id)).toContain('0.5 7 first True');
  expect((await server.execution(id)).parameters).toEqual({
    epochs: 7,
    verbose: true
  });

  // Next time the form begins with the last used values.
  await executions.openForm();
  await expect(epochs).toHaveValue('7');
  await expect(form.getByRole('checkbox', { name: 'verbose' })).toBeChecked();
  await reset.click();
  await expect(epochs).toHaveValue('4');
  await form.getByRole('button', { name: 'Cancel' }).click();
  await expect(form).toHaveCount(0);
  await expect(executions.row(number + 1)).toHaveCount(0);
});

test('a finished execution runs again with other parameters', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'again.ipynb',
    notebook([{ source: 'n = 1', tags: ['parameters'] }, 'print("n is", n)'])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  const first = await executions.submit();
  await executions.expectStatus(first.number, 'Succeeded');

  await executions.choose(first.number, 'Run Again with Parameters…');
  await executions.form
    .getByRole('textbox', { name: 'n', exact: true })
    .fill('2');
  const second = await executions.accepted(() => executions.formButton.click());

  await executions.expectStatus(second.number, 'Succeeded');
  expect(await server.notebook(second.id)).toContain('n is 2');
  expect(second.parent_id).toBe(first.id);
  await executions.act(first.number, 'Run again');
  await executions.expectStatus(second.number + 1, 'Succeeded');
});

test('a secret is typed unseen, and asked for again', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write(
    'secret.ipynb',
    notebook([
      { source: 'password = ""', tags: ['parameters'] },
      'print(len(password), password)'
    ])
  );
  await page.notebook.openByPath(path);
  await executions.openSidebar();
  await executions.openForm();
  const field = executions.form.getByLabel('password', { exact: true });
  await expect(field).toHaveAttribute('type', 'password');
  await field.fill('correct horse');
  const first = await executions.accepted(() => executions.formButton.click());

  await executions.expectStatus(first.number, 'Succeeded');
  expect(await server.notebook(first.id)).toContain('13 ***');
  expect(JSON.stringify(first)).not.toContain('correct horse');

  await executions.choose(first.number, 'Run Again with Parameters…');
  await expect(field).toHaveValue('');
  await executions.formButton.click();
  await expect(executions.form).toContainText('enter it again');
  await field.fill('battery staple');
  const second = await executions.accepted(() => executions.formButton.click());

  await executions.expectStatus(second.number, 'Succeeded');
  expect(await server.notebook(second.id)).toContain('14 ***');
});

test('a notebook without parameters offers names and values', async ({
  page,
  executions,
  server
}) => {
  const path = await server.write('failing.ipynb', example('failing.ipynb'));
  await page.notebook.openByPath(path);

  await executions.openForm();
  await expect(executions.form).toContainText(
    'No cell of this notebook is tagged “parameters”.'
  );
  await executions.form
    .getByRole('button', { name: 'Add a parameter' })
    .click();
  await executions.form
    .getByRole('textbox', { name: 'Name of parameter 1' })
    .fill('answer');
  await executions.form
    .getByRole('textbox', { name: 'Value of parameter 1' })
    .fill('42');
  const { parameters } = await executions.accepted(() =>
    executions.formButton.click()
  );

  expect(parameters).toEqual({ answer: 42 });
});
