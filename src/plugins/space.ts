/** Room on the disk: how much executions use, and how to have more of it. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  Notification,
  showDialog
} from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { sizeLabel } from '../model/sizes';
import { IExecutionsModel, TRANSLATION_DOMAIN } from '../tokens';

/** Shows what could be removed, and removes it. */
export const spacePlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:space',
  description: 'Frees the room of executions that are not needed any more.',
  autoStart: true,
  requires: [IExecutionsModel],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    executions: IExecutionsModel,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const freeSpace = async (): Promise<void> => {
      const { SpaceModel } = await import('../sidebar/space');
      const { SpaceBody } = await import('../sidebar/spacedialog');
      const model = new SpaceModel({ client: executions.client });
      void model.refresh();
      const answer = await showDialog({
        title: trans.__('Free Up Space'),
        body: new SpaceBody({ model, trans }),
        buttons: [
          Dialog.cancelButton(),
          Dialog.warnButton({ label: trans.__('Remove') })
        ],
        // Enter in the list of choices removes nothing.
        defaultButton: 0,
        focusNodeSelector: 'select'
      });
      const gone = answer.button.accept ? await model.remove() : null;
      if (gone !== null) {
        await executions.refresh();
        Notification.info(trans.__('Freed %1.', sizeLabel(gone.freed_bytes)), {
          autoClose: 5000
        });
      }
    };
    app.commands.addCommand(CommandIDs.freeSpace, {
      label: args => {
        const used = args['usedBytes'];
        return typeof used === 'number'
          ? trans.__('Executions Use %1: Free Up Space…', sizeLabel(used))
          : trans.__('Free Up Space…');
      },
      caption: trans.__('See what could be removed, and remove it'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        try {
          await freeSpace();
        } catch (error) {
          Notification.error(
            error instanceof Error ? error.message : String(error)
          );
        }
      }
    });
    palette?.addItem({
      command: CommandIDs.freeSpace,
      category: trans.__('Executions')
    });
  }
};
