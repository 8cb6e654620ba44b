import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import type { SweepSummary } from '../../api/types';
import { CommandIDs } from '../../commands';
import type { IRowCommandOptions } from '../../sidebar/rowcommands';
import { addSweepCommands } from '../../sidebar/sweepcommands';
import { makeExecution, makeRunning, makeSweep } from '../fakes';

let asked: unknown[];

/** The commands about one sweep. */
function open(sweep: SweepSummary): CommandRegistry {
  const commands = new CommandRegistry();
  addSweepCommands({
    commands,
    model: {
      client: {
        cancelSweep: (...args: unknown[]) => {
          asked.push(args);
          return Promise.resolve();
        }
      },
      sweeps: { find: () => sweep, fetch: () => Promise.resolve() }
    },
    report: () => undefined,
    trans: nullTranslator.load('')
  } as unknown as IRowCommandOptions);
  return commands;
}

beforeEach(() => {
  asked = [];
});

describe('Stop the Rest', () => {
  it('is for what waits, those counted that a search is still to choose', () => {
    const running = makeSweep('s', [makeRunning(1)]);
    const search = { ...running, counts: { ...running.counts, to_come: 30 } };
    const waiting = makeSweep('s', [makeExecution(2, { status: 'queued' })]);

    const offered = [running, search, waiting].map(sweep =>
      open(sweep).isEnabled(CommandIDs.stopSweep, { sweep: 's' })
    );

    expect(offered).toEqual([false, true, true]);
  });

  it('lets what runs come to its end', async () => {
    const sweep = makeSweep('s', [makeExecution(2, { status: 'queued' })]);

    await open(sweep).execute(CommandIDs.stopSweep, { sweep: 's' });

    expect(asked).toEqual([['s', true]]);
  });
});
