/** How many executions may run at once. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  InputDialog,
  Notification
} from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { IExecutionsModel, TRANSLATION_DOMAIN } from '../tokens';

/** Lets the user change the number of slots while executions run. */
export const slotsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:slots',
  description: 'Changes how many executions may run at once.',
  autoStart: true,
  requires: [IExecutionsModel],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IExecutionsModel,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const change = async (): Promise<void> => {
      const { slots, running } = await model.client.getStatus();
      const answer = await InputDialog.getNumber({
        title: trans.__('Executions at Once'),
        label: trans._n(
          '%1 runs now. Running executions are not disturbed.',
          '%1 run now. Running executions are not disturbed.',
          running
        ),
        value: slots,
        okLabel: trans.__('Change')
      });
      const wanted = answer.button.accept ? answer.value : null;
      if (wanted !== null && wanted !== slots) {
        await model.client.setSlots(Math.round(wanted));
        await model.refresh();
      }
    };
    app.commands.addCommand(CommandIDs.changeSlots, {
      label: trans.__('Change How Many Executions Run at Once…'),
      caption: trans.__('Change the number of slots of this server'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        try {
          await change();
        } catch (error) {
          Notification.error(
            error instanceof Error ? error.message : String(error)
          );
        }
      }
    });
    palette?.addItem({
      command: CommandIDs.changeSlots,
      category: trans.__('Executions')
    });
  }
};
