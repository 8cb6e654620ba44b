import type { ChildProcess } from 'child_process';
import { spawn } from 'child_process';
import { mkdirSync } from 'fs';
import { join } from 'path';

import { expect, test } from '@playwright/test';

import { Executions } from './executions';
import { Gate } from './gate';
import { notebook, waitFor } from './notebooks';
import { OwnServer } from './server';

const processes: ChildProcess[] = [];
let server: OwnServer;

/** Start a part of Dask, which ends with the tests. */
function startDask(folder: string, part: string, ...options: string[]): void {
  const module = `distributed.cli.dask_${part}`;
  processes.push(
    spawn('python', ['-m', module, '--no-dashboard', ...options], {
      cwd: folder,
      stdio: 'ignore'
    })
  );
}

test.beforeAll(async () => {
  test.setTimeout(150_000);
  server = await OwnServer.start('lab', home => ({
    AsyncExecApp: {
      backends: {
        'gpu box': {
          class: 'dask',
          scheduler_file: join(home, 'scheduler.json'),
          spares: 0
        },
        slurm: { class: 'dask', address: 'tcp://127.0.0.1:9', spares: 0 }
      }
    }
  }));
  // In another theme, for pictures.
  server.set('@jupyterlab/apputils-extension:themes', {
    theme: `JupyterLab ${process.env.THEME ?? 'Light'}`
  });
  const file = join(server.home, 'scheduler.json');
  const folder = join(server.home, 'machine');
  mkdirSync(folder);
  startDask(
    folder,
    'scheduler',
    ...['--host', '127.0.0.1', '--port', '0', '--scheduler-file', file]
  );
  startDask(
    folder,
    'worker',
    ...['--scheduler-file', file, '--no-nanny', '--nthreads', '1'],
    ...['--resources', 'GPU=1', '--local-directory', folder]
  );
});

test.afterAll(async () => {
  processes.forEach(one => one.kill('SIGKILL'));
  await server.dispose();
});

test('a cluster is chosen in the form; watch, peek, cancel and open as here', async ({
  page
}, testInfo) => {
  test.setTimeout(180_000);
  const gate = new Gate(testInfo.outputPath('gate'));
  server.write(
    'far.ipynb',
    notebook([
      { source: 'n = 1', tags: ['parameters'] },
      waitFor('begun far away', gate.path),
      'import time\nwhile n > 1:\n    time.sleep(0.1)',
      'import os\nprint("sees GPU", os.environ["CUDA_VISIBLE_DEVICES"])',
      'open("made.txt", "w").write("from the worker")'
    ])
  );
  const executions = new Executions(page);
  const { form } = executions;
  const where = form.getByRole('combobox', { name: 'Where' });
  await page.goto(server.url('/lab/tree/far.ipynb'));
  await executions.openSidebar();

  // The form shows what can run it, and why the other cannot.
  await executions.openForm();
  await expect(where).toContainText('gpu box: 1 slot, 1 free', {
    timeout: 90_000
  });
  await expect(where).toHaveValue('local');
  const unable = form.getByRole('list', { name: 'Where it cannot run' });
  await expect(unable).toContainText('slurm: ');
  await where.selectOption('gpu box');
  await form.getByRole('spinbutton', { name: 'GPUs (of 1)' }).fill('1');
  // For whoever wants to look at it.
  await page.screenshot({ path: testInfo.outputPath('form.png') });
  const first = await executions.accepted(() => executions.formButton.click());
  await executions.expectStatus(first.number, 'Running');
  await expect(executions.row(first.number)).toContainText('gpu box');

  // The next begins with the same place, waits, and says why.
  await executions.openForm();
  await expect(where).toHaveValue('gpu box');
  const second = await executions.accepted(() => executions.formButton.click());
  await expect(executions.row(second.number)).toContainText(
    /gpu box · Waits/
  );
  await executions.act(second.number, 'Cancel');
  await executions.expectStatus(second.number, 'Cancelled');

  // What it prints is here while it runs there.
  await executions.act(first.number, 'Peek at the log');
  await expect(executions.panel).toContainText('begun far away');
  await executions.rowButton(first.number).click();
  await expect(executions.cells.nth(1)).toContainText('begun far away');
  gate.open();
  await executions.expectStatus(first.number, 'Succeeded');
  await expect(executions.receipt).toContainText('gpu box');
  await expect(executions.cells.nth(3)).toContainText('sees GPU 0');
  const artifact = await server.text(
    `/async-exec/executions/${first.id}/artifacts/made.txt`
  );
  expect(artifact).toBe('from the worker');

  // What runs there is cancelled there.
  await page.getByRole('tab', { name: 'far.ipynb', exact: true }).click();
  await executions.openForm();
  await form.getByRole('textbox', { name: 'n', exact: true }).fill('2');
  const third = await executions.accepted(() => executions.formButton.click());
  await executions.expectStatus(third.number, 'Running');
  await expect(executions.row(third.number)).toContainText('gpu box');
  await executions.act(third.number, 'Cancel');
  await executions.expectStatus(third.number, 'Cancelled');
});
