/**
 * The commands about one sweep.
 */
import { Clipboard } from '@jupyterlab/apputils';

import type { SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import { isFinal, numbersLabel } from '../model/labels';
import { rowAt } from './places';
import type { IRowCommandOptions } from './rowcommands';

/** One command, in terms of the sweep it acts on. */
interface ISweepCommand {
  label: string;
  caption: string;

  /** Whether it makes sense for a sweep as it is now. */
  fits?: (sweep: SweepSummary) => boolean;

  run: (sweep: SweepSummary) => Promise<void>;
}

/**
 * Add the commands about one sweep.
 *
 * @param options - what they act on.
 */
export function addSweepCommands(options: IRowCommandOptions): void {
  const { commands, model, report, trans } = options;
  const { client, sweeps } = model;
  const describedBy = {
    args: {
      type: 'object',
      required: ['sweep'],
      properties: {
        sweep: { type: 'string', description: trans.__('Full id of a sweep') }
      }
    }
  };
  const find = (id: unknown): SweepSummary | undefined =>
    typeof id === 'string' ? sweeps.find(id) : undefined;
  const add = (id: string, command: ISweepCommand): void => {
    commands.addCommand(id, {
      label: command.label,
      caption: command.caption,
      describedBy,
      isEnabled: args => {
        const sweep = find(args['sweep']);
        return sweep !== undefined && (command.fits?.(sweep) ?? true);
      },
      execute: async args => {
        report(null);
        const sweep = find(args['sweep']);
        try {
          if (sweep !== undefined) {
            await command.run(sweep);
          }
        } catch (error) {
          report((error as Error).message);
        }
      }
    });
  };
  const isAlive = ({ status }: SweepSummary): boolean => !isFinal(status);

  add(CommandIDs.cancelSweep, {
    label: trans.__('Cancel the Sweep'),
    caption: trans.__('Stop what waits and what runs; results are kept'),
    fits: isAlive,
    run: async ({ id }) => {
      await client.cancelSweep(id);
      await sweeps.fetch(id);
    }
  });
  add(CommandIDs.stopSweep, {
    label: trans.__('Stop the Rest'),
    caption: trans.__('Start nothing more; what runs comes to its end'),
    fits: ({ counts }) => counts.queued + counts.to_come > 0,
    run: async ({ id }) => {
      await client.cancelSweep(id, true);
      await sweeps.fetch(id);
    }
  });
  add(CommandIDs.retrySweep, {
    label: trans.__('Retry What Failed'),
    caption: trans.__('Run again what failed, and what was not started then'),
    fits: ({ counts }) => counts.failed + counts.cancelled > 0,
    run: async ({ id }) => {
      await client.retrySweep(id);
      await sweeps.fetch(id);
    }
  });
  add(CommandIDs.copyNumbers, {
    label: trans.__('Copy the Numbers'),
    caption: trans.__('Copy the numbers of its executions'),
    run: async sweep => Clipboard.copyToSystem(numbersLabel(sweep))
  });
  add(CommandIDs.deleteSweep, {
    label: trans.__('Delete the Sweep'),
    caption: trans.__('Move all its executions to the trash'),
    fits: sweep => !isAlive(sweep),
    run: sweep => deleteSweep(sweep, options)
  });
}

async function deleteSweep(
  sweep: SweepSummary,
  { model, state }: IRowCommandOptions
): Promise<void> {
  const { sweeps } = model;
  sweeps.setOpen(sweep.id, false);
  const rows = model.executions;
  const position = rows.positionOf(sweep.first_number ?? 0);
  const next = rowAt(rows.at(position + 1)) ?? rowAt(rows.at(position - 1));
  const hadFocus = Boolean(
    document.activeElement?.closest(`[data-sweep-id="${sweep.id}"]`)
  );
  const removal = sweeps.remove(sweep.id);
  state.offerUndo({
    id: sweep.id,
    label: numbersLabel(sweep),
    isSweep: true
  });
  if (next !== null && hadFocus) {
    state.focus(next.id, next.within);
  }
  try {
    await removal;
  } catch (error) {
    state.settleUndo(sweep.id);
    throw error;
  }
}
