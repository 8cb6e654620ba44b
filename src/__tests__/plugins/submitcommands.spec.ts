import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker } from '@jupyterlab/notebook';
import { acceptDialog, framePromise, waitForDialog } from '@jupyterlab/testing';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import type { IExecutionsClient } from '../../api/client';
import type { ParameterList, Sweep, SweepPlan } from '../../api/types';
import { CommandIDs } from '../../commands';
import { addSubmitCommands } from '../../plugins/submitcommands';
import { Submitter } from '../../submit/submitter';
import type { IExecutionsModel } from '../../tokens';
import { makeSweep } from '../fakes';

const LIST: ParameterList = {
  parameters: [
    {
      name: 'n',
      type: 'int',
      default: 1,
      required: false,
      comment: '',
      annotation: null
    }
  ],
  language: 'python',
  typed: true,
  cell_index: 0
};

const PANEL = {
  id: 'panel',
  content: {
    model: {
      toJSON: () => ({
        nbformat: 4,
        nbformat_minor: 5,
        metadata: {},
        cells: []
      })
    }
  },
  context: { path: 'train.ipynb', isReady: true },
  sessionContext: { session: null, kernelPreference: {} }
};

let log: string[];
let commands: CommandRegistry;

/** Add the commands for a server that answers a sweep so. */
function activate(answer: Partial<Sweep>): void {
  const sweep = { ...makeSweep('s', []), then: [], ...answer } as Sweep;
  const plan = {
    count: 0,
    n_reused: 2,
    n_files: 0,
    n_new_files: 0,
    duration_s: null,
    message: '',
    trials: []
  } as SweepPlan;
  const client = {
    findParameters: () => Promise.resolve(LIST),
    list: () => Promise.resolve({ executions: [] }),
    getStatus: () => Promise.resolve({ adaptive: false }),
    getBackends: () => Promise.resolve([]),
    getPresets: () => Promise.resolve([]),
    planSweep: () => Promise.resolve(plan),
    submitSweep: () => Promise.resolve(sweep)
  } as unknown as IExecutionsClient;
  commands.addCommand(CommandIDs.compare, {
    describedBy: { args: {} },
    execute: args => {
      log.push(`compare ${String(args['sweep'])}`);
    }
  });
  addSubmitCommands({
    app: { commands } as unknown as JupyterFrontEnd,
    model: { client } as unknown as IExecutionsModel,
    submitter: new Submitter({ client }),
    notebooks: { currentWidget: { ...PANEL } } as unknown as INotebookTracker,
    files: null,
    documents: null,
    goals: null,
    confirm: text => log.push(text),
    offersSame: () => false,
    translator: nullTranslator,
    trans: nullTranslator.load('')
  });
}

/** The only field of the form, as soon as it is drawn. */
async function findField(): Promise<HTMLInputElement> {
  for (let n = 0; n < 100; n++) {
    const field = document.querySelector<HTMLInputElement>(
      '.jp-ParametersForm-fields input'
    );
    if (field !== null) {
      return field;
    }
    await framePromise();
  }
  throw new Error(`There is no field: ${document.body.innerHTML}`);
}

/** Type two values into the form, and submit it. */
async function submitTwo(): Promise<void> {
  const done = commands.execute(CommandIDs.submitWithParameters);
  await waitForDialog();
  const field = await findField();
  Object.getOwnPropertyDescriptor(
    HTMLInputElement.prototype,
    'value'
  )?.set?.call(field, '1, 2');
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await acceptDialog();
  await done;
}

beforeEach(() => {
  log = [];
  commands = new CommandRegistry();
});

describe('Run with Parameters…', () => {
  it('shows what ran already when nothing new is started, and says so', async () => {
    activate({ first_number: null, n_reused: 2 });

    await submitTwo();

    expect(log).toEqual([
      'All 2 ran already; nothing new was started.',
      'compare s'
    ]);
  });

  it('opens nothing when something was started', async () => {
    activate({ first_number: 18 });

    await submitTwo();

    expect(log).toEqual([]);
  });
});
