/** Results: their drive, their tabs and the commands that open them. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../commands';
import {
  IExecutionsModel,
  IResultTracker,
  TRANSLATION_DOMAIN
} from '../tokens';
// A tab that JupyterLab restores asks the drive for its content at once.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { ExecutionsDrive } from '../viewer/drive';
import { artifactPath, resultPath } from '../viewer/paths';
// A tab that JupyterLab restores must have its receipt, and no kernel, at once.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { ResultTabs } from '../viewer/resulttabs';

/** JupyterLab's command that opens a document, or shows the tab it is in. */
const OPEN_DOCUMENT = 'docmanager:open';

/** Opens results, read-only. */
export const viewerPlugin: JupyterFrontEndPlugin<IResultTracker> = {
  id: 'jupyter_async_exec:viewer',
  description: 'Opens the results of executions as read-only notebooks.',
  autoStart: true,
  provides: IResultTracker,
  requires: [IExecutionsModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    executions: IExecutionsModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): IResultTracker => {
    const { commands } = app;
    const { contents } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    contents.addDrive(
      new ExecutionsDrive({ client: executions.client, trans })
    );
    const run = (id: string, args: ReadonlyPartialJSONObject): void => {
      void commands.execute(id, args);
    };
    const tabs = new ResultTabs({
      executions,
      contents,
      trans,
      actions: {
        openSource: (id, panel) =>
          run(CommandIDs.openSource, { id, beside: panel.id }),
        preview: (id, name) =>
          run(OPEN_DOCUMENT, { path: artifactPath(id, name) }),
        open: id => run(CommandIDs.open, { id }),
        rerun: id => run(CommandIDs.rerun, { id }),
        restore: id => run(CommandIDs.restore, { id }),
        compare: ids =>
          run(CommandIDs.compare, { ids: [...ids], view: 'differences' })
      }
    });
    notebooks?.widgetAdded.connect((_, panel) => tabs.add(panel));
    // Tabs of the last session may have come first.
    notebooks?.forEach(panel => tabs.add(panel));

    const open = async (
      args: ReadonlyPartialJSONObject,
      kind: 'output' | 'source'
    ): Promise<void> => {
      const { id, beside } = args;
      if (typeof id !== 'string' && typeof id !== 'number') {
        return;
      }
      try {
        const execution = await executions.get(id);
        await commands.execute(OPEN_DOCUMENT, {
          path: resultPath(execution, kind),
          factory: 'Notebook',
          ...(typeof beside === 'string'
            ? { options: { mode: 'split-right', ref: beside } }
            : {})
        });
      } catch (error) {
        Notification.error(
          error instanceof Error ? error.message : String(error)
        );
      }
    };
    const describedBy = {
      args: {
        type: 'object',
        required: ['id'],
        properties: {
          id: {
            type: ['string', 'integer'],
            description: trans.__('Id or number of an execution')
          },
          beside: {
            type: 'string',
            description: trans.__('Id of a tab to split')
          }
        }
      }
    };
    commands.addCommand(CommandIDs.open, {
      label: trans.__('Open Result'),
      caption: trans.__('Open the executed notebook, read-only'),
      describedBy,
      execute: args => open(args, 'output')
    });
    commands.addCommand(CommandIDs.openSource, {
      label: trans.__('Open Source'),
      caption: trans.__('Open the notebook as it was submitted, read-only'),
      describedBy,
      execute: args => open(args, 'source')
    });
    return tabs;
  }
};
