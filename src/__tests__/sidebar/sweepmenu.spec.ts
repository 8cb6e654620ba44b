import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { acceptDialog, dismissDialog } from '@jupyterlab/testing';
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';

import { CommandIDs } from '../../commands';
import { sweepsPlugin } from '../../plugins/sweeps';
import { fillSweepMenu } from '../../sidebar/menus';
import type { IExecutionsModel } from '../../tokens';
import { makeExecution, makeSweep } from '../fakes';

const sweep = makeSweep('5', [
  makeExecution(2, { status: 'succeeded' }),
  makeExecution(1, { status: 'succeeded' })
]);

let commands: CommandRegistry;
let submitted: unknown[];

/** Activate the plugin with a sweep, and with or without a collect notebook beside. */
function activate(): void {
  const app = { commands } as unknown as JupyterFrontEnd;
  const model = {
    client: {
      submit: (request: unknown) => {
        submitted.push(request);
        return Promise.resolve(makeExecution(3));
      }
    },
    sweeps: { find: (id: string) => (id === sweep.id ? sweep : undefined) },
    submitted: () => undefined
  } as unknown as IExecutionsModel;
  const documents = {
    services: { contents: { get: () => Promise.resolve({}) } }
  } as unknown as IDocumentManager;
  void sweepsPlugin.activate(app, model, documents, null);
}

beforeEach(() => {
  commands = new CommandRegistry();
  submitted = [];
  activate();
});

describe('the menu of a sweep', () => {
  it('offers to collect its results', () => {
    const menu = new Menu({ commands });

    fillSweepMenu(menu, commands, sweep);

    const item = menu.items.find(
      ({ command }) => command === CommandIDs.collectSweep
    );
    expect(item?.label).toBe('Collect Its Results…');
    expect(item?.isEnabled).toBe(true);
    menu.dispose();
  });

  it('hands all of them to the notebook beside', async () => {
    const done = commands.execute(CommandIDs.collectSweep, { sweep: sweep.id });
    await acceptDialog();
    await done;

    expect(submitted).toEqual([
      { path: 'collect.ipynb', collect: { sweep: sweep.id, when: 'all' } }
    ]);
  });

  it('runs nothing when it is not wanted after all', async () => {
    const done = commands.execute(CommandIDs.collectSweep, { sweep: sweep.id });
    await dismissDialog();
    await done;

    expect(submitted).toEqual([]);
  });

  it('collects no sweep that is gone', () => {
    expect(commands.isEnabled(CommandIDs.collectSweep, { sweep: 'x' })).toBe(
      false
    );
  });
});
