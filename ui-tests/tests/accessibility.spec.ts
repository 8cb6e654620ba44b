import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { expect, test } from './fixtures';
import { notebook, waitFor } from './notebooks';

for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
  test(`axe finds nothing in sidebar, form and result (${theme})`, async ({
    page,
    executions,
    server,
    gate
  }) => {
    /** What axe has against our part of the page. */
    const violations = async (part: string): Promise<unknown[]> => {
      const { violations: found } = await new AxeBuilder({
        page: page as unknown as Page
      })
        // The other mode opens a page of its own, which Galata would dress up.
        .setLegacyMode(true)
        .include(part)
        .analyze();
      return found.map(({ id, nodes }) => ({
        id,
        nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary])
      }));
    };
    const parameters = {
      source: 'n: int = 1  # how many\nname = "x"\nfast = True',
      tags: ['parameters']
    };
    const good = await server.write(
      'good.ipynb',
      notebook([parameters, 'open("made.txt", "w").write("x")'])
    );
    const bad = await server.write('bad.ipynb', notebook(['1 / 0']));
    const long = await server.write(
      'long.ipynb',
      notebook([waitFor('started', gate.path), '2'])
    );
    await page.theme.setTheme(theme);
    await executions.openSidebar();
    const numbers: number[] = [];
    for (const path of [good, bad, long, long, long]) {
      numbers.push(await server.submit(path));
    }
    const [succeeded, failed, running, cancelled, queued] = numbers;
    await executions.expectStatus(succeeded, 'Succeeded');
    await executions.expectStatus(failed, 'Failed');
    await executions.expectStatus(running, 'Running');
    await executions.expectStatus(queued, 'Queued');
    await executions.act(succeeded, 'Star');
    await executions.act(cancelled, 'Cancel');
    await executions.expectStatus(cancelled, 'Cancelled');
    await executions.act(succeeded, 'Peek at the log');

    expect(await violations('#jupyter-async-exec-sidebar')).toEqual([]);
    await executions.act(cancelled, 'Delete');
    await executions.panel.getByRole('searchbox').fill('nothing at all');
    await expect(executions.panel).toContainText('Nothing matches.');
    expect(await violations('#jupyter-async-exec-sidebar')).toEqual([]);
    await executions.panel.getByRole('searchbox').fill('');

    await executions.rowButton(failed).click();
    await expect(executions.receipt).toContainText('ZeroDivisionError');
    await executions.receipt.getByRole('button', { name: 'Log' }).click();
    expect(await violations('.jp-Receipt')).toEqual([]);
    await page.activity.closeAll();
    await executions.rowButton(succeeded).click();
    await executions.receipt.getByRole('button', { name: /Artifacts/ }).click();
    await expect(executions.receipt).toContainText('made.txt');
    expect(await violations('.jp-Receipt')).toEqual([]);
    await page.activity.closeAll();

    await executions.choose(succeeded, 'Run Again with Parameters…');
    await executions.form
      .getByRole('textbox', { name: 'n', exact: true })
      .fill('many');
    await executions.formButton.click();
    await expect(executions.form).toContainText('Enter a whole number.');
    expect(await violations('.jp-ParametersDialog')).toEqual([]);
    await executions.form.getByRole('button', { name: 'Cancel' }).click();

    await page.sidebar.openTab('filebrowser');
    await page.notebook.openByPath(good);
    expect(await violations('.jp-SubmitButton')).toEqual([]);
  });
}
