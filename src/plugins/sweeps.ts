/** What is asked about a sweep in a dialog: more of it, and who collects it. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { InputDialog, Notification } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { SweepSummary, When } from '../api/types';
import { CommandIDs } from '../commands';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- loaded with the sidebar anyway
import { isFinal, numbersLabel } from '../model/labels';
import { IExecutionsModel, TRANSLATION_DOMAIN } from '../tokens';
import { askForNotebook } from './collect';

/** Adds to sweeps, and lets notebooks collect them. */
export const sweepsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:sweeps',
  description: 'Adds executions to sweeps, and collects their results.',
  autoStart: true,
  requires: [IExecutionsModel],
  optional: [IDocumentManager, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IExecutionsModel,
    documents: IDocumentManager | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const { client, sweeps } = model;
    const find = (args: ReadonlyPartialJSONObject): SweepSummary | undefined =>
      sweeps.find(String(args['sweep']));

    const ask = async (id: string): Promise<void> => {
      const sweep = await client.getSweep(id);
      const title = trans.__('Add values to %1', numbersLabel(sweep));
      if (sweep.objective !== null) {
        const { value } = await InputDialog.getNumber({
          title: trans.__('Let %1 search on', numbersLabel(sweep)),
          label: trans.__('How many executions more?'),
          okLabel: trans.__('Add'),
          value: 10
        });
        if (value !== null) {
          const samples = Math.floor(value);
          await client.addToSweep(id, { mode: 'adaptive', samples });
        }
      } else {
        const { askToAdd } = await import('../submit/addition');
        const options = { client, documents, title, trans };
        await askToAdd(sweep, {
          ...options,
          translator: translator ?? undefined
        });
      }
      await sweeps.fetch(id);
    };

    const collect = async (id: string): Promise<void> => {
      const sweep = sweeps.find(id);
      if (sweep === undefined || documents === null) {
        return;
      }
      const title = trans.__('Collect %1', numbersLabel(sweep));
      const beside = sweep.notebook_path;
      const path = await askForNotebook(documents, { title, beside, trans });
      if (path === null) {
        return;
      }
      let when: When | null = 'all';
      if (!isFinal(sweep.status)) {
        const { askWhen } = await import('../submit/when');
        when = await askWhen(title, trans);
      }
      if (when !== null) {
        const collect = { sweep: id, when };
        const execution = await client.submit({ path, collect });
        model.submitted(execution);
        Notification.success(
          trans.__('#%1 collects %2.', execution.number, numbersLabel(sweep)),
          { autoClose: 5000 }
        );
      }
    };

    const add = (
      command: string,
      label: string,
      caption: string,
      run: (id: string) => Promise<void>,
      isPossible = true
    ): void => {
      app.commands.addCommand(command, {
        label,
        caption,
        describedBy: {
          args: {
            type: 'object',
            required: ['sweep'],
            properties: {
              sweep: {
                type: 'string',
                description: trans.__('The full id of the sweep')
              }
            }
          }
        },
        isEnabled: args => isPossible && find(args) !== undefined,
        execute: async args => {
          try {
            await run(String(args['sweep']));
          } catch (error) {
            Notification.error((error as Error).message, { autoClose: 5000 });
          }
        }
      });
    };
    add(
      CommandIDs.addToSweep,
      trans.__('Add Values…'),
      trans.__('Add executions with other values to the sweep'),
      ask
    );
    add(
      CommandIDs.collectSweep,
      trans.__('Collect Its Results…'),
      trans.__('Run a notebook with the results of the sweep'),
      collect,
      documents !== null
    );
  }
};
