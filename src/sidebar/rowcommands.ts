/**
 * The commands about one execution.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';

import type { Execution } from '../api/types';
import { CommandIDs } from '../commands';
import { isFinal } from '../model/labels';
import type { IExecutionsModel } from '../tokens';
import { rowAt } from './places';
import type { SidebarState } from './state';

/** What the commands act on. */
export interface IRowCommandOptions {
  /** Where they are added. */
  commands: CommandRegistry;

  /** The executions. */
  model: IExecutionsModel;

  /** What is selected; what went wrong is said here. */
  state: SidebarState;

  /** Bring the sidebar to the front, for what happens in it. */
  show: () => void;

  /** Say why an action failed; `null` when the next one begins. */
  report: (problem: string | null) => void;

  /** The words. */
  trans: TranslationBundle;
}

/**
 * Add the commands about one execution.
 *
 * @param options - what they act on.
 */
export function addRowCommands(options: IRowCommandOptions): void {
  const { commands, model, report, show, state, trans } = options;
  const describedBy = {
    args: {
      type: 'object',
      properties: {
        id: {
          type: 'string',
          description: trans.__(
            'Full id of an execution; the selected row without it'
          )
        }
      }
    }
  };
  const add = (id: string, command: IRowCommand): void => {
    commands.addCommand(id, {
      label: args => text(command.label, find(options, args)),
      caption: command.caption,
      describedBy,
      isEnabled: args => {
        const execution = find(options, args);
        // Of a long history not every record is at hand; `execute` fetches it.
        return execution === undefined
          ? typeof args['id'] === 'string'
          : (command.fits?.(execution) ?? true);
      },
      execute: args => execute(command, args, options)
    });
  };

  add(CommandIDs.cancel, {
    label: trans.__('Cancel'),
    caption: trans.__('Stop this execution; what it wrote so far is kept'),
    fits: ({ status, cancel_requested }) =>
      !isFinal(status) && !cancel_requested,
    run: async ({ id }) => {
      // The button that was pressed goes when there is nothing left to cancel.
      if (hasFocus(id)) {
        state.focus(id);
      }
      model.submitted(await model.client.cancel(id));
    }
  });
  add(CommandIDs.rerun, {
    label: trans.__('Run Again'),
    caption: trans.__('Run the same code, files and parameters once more'),
    run: async ({ id }) => {
      const request_id = UUID.uuid4();
      model.submitted(await model.client.rerun(id, { request_id }));
    }
  });
  add(CommandIDs.restore, {
    label: trans.__('Restore as a New Notebook'),
    caption: trans.__('Write the notebook as it was submitted to a new file'),
    run: async ({ id }) => {
      const path = await model.client.restore(id);
      await commands.execute('docmanager:open', { path });
    }
  });
  add(CommandIDs.rename, {
    label: trans.__('Rename'),
    caption: trans.__('Change the title of this execution'),
    run: async ({ id }) => {
      show();
      state.rename(id);
    }
  });
  add(CommandIDs.star, {
    label: ({ starred }) =>
      starred ? trans.__('Take the Star Away') : trans.__('Star'),
    caption: trans.__('Mark this execution with a star, or no longer'),
    run: async ({ id, starred }) =>
      model.submitted(await model.client.edit(id, { starred: !starred }))
  });
  add(CommandIDs.deleteExecution, {
    label: trans.__('Delete'),
    caption: trans.__('Move this execution to the trash'),
    fits: ({ status }) => isFinal(status),
    misfit: ({ number }) =>
      trans.__('#%1 is not over yet: cancel it first.', number),
    run: execution => deleteExecution(execution, options)
  });
  add(CommandIDs.peekLog, {
    label: trans.__('Peek at the Log'),
    caption: trans.__('Show what this execution printed, in the sidebar'),
    run: async ({ id }) => {
      show();
      state.peek(state.peekedId === id ? null : id);
    }
  });
  commands.addCommand(CommandIDs.undoDelete, {
    label: trans.__('Undo the Deletion'),
    caption: trans.__('Take what was deleted last back out of the trash'),
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => state.deleted !== null,
    execute: async () => {
      const { deleted } = state;
      if (deleted === null) {
        return;
      }
      state.settleUndo(deleted.id);
      try {
        await (deleted.isSweep
          ? model.sweeps.undoRemove(deleted.id)
          : model.undoRemove(deleted.id));
        state.focus(deleted.id);
      } catch (error) {
        report((error as Error).message);
      }
    }
  });
}

/** One command, in terms of the execution it acts on. */
interface IRowCommand {
  label: string | ((execution: Execution) => string);
  caption: string;

  /** Whether it makes sense for an execution as it is now. */
  fits?: (execution: Execution) => boolean;

  /** What to say when it does not. */
  misfit?: (execution: Execution) => string;

  run: (execution: Execution) => Promise<void>;
}

function find(
  { model, state }: IRowCommandOptions,
  args: ReadonlyPartialJSONObject
): Execution | undefined {
  const id = args['id'] ?? state.selectedId;
  return typeof id === 'string' ? model.find(id) : undefined;
}

function text(label: IRowCommand['label'], execution?: Execution): string {
  if (typeof label === 'string') {
    return label;
  }
  return label(execution ?? ({ starred: false } as Execution));
}

async function execute(
  command: IRowCommand,
  args: ReadonlyPartialJSONObject,
  options: IRowCommandOptions
): Promise<void> {
  const { model, report, state } = options;
  const id = args['id'] ?? state.selectedId;
  report(null);
  try {
    if (typeof id !== 'string') {
      return;
    }
    const execution = await model.get(id);
    if (command.fits !== undefined && !command.fits(execution)) {
      report(command.misfit?.(execution) ?? null);
      return;
    }
    await command.run(execution);
  } catch (error) {
    report((error as Error).message);
  }
}

/** Whether the focus is in the row of an execution. */
function hasFocus(id: string): boolean {
  return Boolean(
    document.activeElement?.closest(`[data-execution-id="${id}"]`)
  );
}

async function deleteExecution(
  execution: Execution,
  { model, state }: IRowCommandOptions
): Promise<void> {
  const rows = model.executions;
  const position = rows.positionOf(
    execution.number,
    state.within ?? execution.sweep_id
  );
  const next = rowAt(rows.at(position + 1)) ?? rowAt(rows.at(position - 1));
  const hadFocus = hasFocus(execution.id);
  const removal = model.remove(execution.id);
  const { id, number } = execution;
  state.offerUndo({ id, label: `#${number}`, isSweep: false });
  if (next !== null && hadFocus) {
    state.focus(next.id, next.within);
  }
  try {
    await removal;
  } catch (error) {
    state.settleUndo(execution.id);
    throw error;
  }
}
