/** The sidebar, its columns and its commands. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { queueIcon } from '../icons';
import { UnseenModel } from '../model/unseen';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- shown from the start
import { defaultColumns } from '../sidebar/columns';
import { metricColumn } from '../sidebar/columns/metric';
import { ColumnRegistry } from '../sidebar/columns/registry';
import { ListControls } from '../sidebar/controls';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- shown from the start
import { ExecutionsPanel } from '../sidebar/panel';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- shown from the start
import { addRowCommands } from '../sidebar/rowcommands';
import { SidebarState } from '../sidebar/state';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- shown from the start
import { addSweepCommands } from '../sidebar/sweepcommands';
import {
  IColumnRegistry,
  IExecutionsModel,
  IGoals,
  IResultTracker,
  PLUGIN_ID,
  TRANSLATION_DOMAIN
} from '../tokens';
import { DRIVE_NAME } from '../viewer/paths';

/** Provides the registry of values shown in the rows. */
export const columnsPlugin: JupyterFrontEndPlugin<IColumnRegistry> = {
  id: 'jupyter_async_exec:columns',
  description: 'Keeps the values shown in the rows of the sidebar.',
  autoStart: true,
  provides: IColumnRegistry,
  requires: [IGoals],
  optional: [ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    goals: IGoals,
    translator: ITranslator | null
  ): IColumnRegistry => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const registry = new ColumnRegistry();
    defaultColumns(trans).forEach(column => registry.register(column));
    let metric = registry.register(metricColumn(goals, trans));
    goals.changed.connect(() => {
      // Rows are drawn again when there are other columns.
      metric.dispose();
      metric = registry.register(metricColumn(goals, trans));
    });
    return registry;
  }
};

/** Adds the sidebar. */
export const sidebarPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:sidebar',
  description: 'Lists the executions in the left sidebar.',
  autoStart: true,
  requires: [IExecutionsModel, IColumnRegistry],
  optional: [
    INotebookTracker,
    IResultTracker,
    ILayoutRestorer,
    ICommandPalette,
    ISettingRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IExecutionsModel,
    columns: IColumnRegistry,
    notebooks: INotebookTracker | null,
    results: IResultTracker | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ): void => {
    const { commands } = app;
    const { contents, serverSettings } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const state = new SidebarState();
    const controls = new ListControls(model);
    const unseen = new UnseenModel({
      model,
      storage: window.localStorage,
      key: `jupyter_async_exec:seen:${serverSettings.baseUrl}`,
      isOnScreen: id => results?.isVisible(id) ?? false
    });
    const panel = new ExecutionsPanel({
      model,
      unseen,
      state,
      controls,
      columns,
      commands,
      trans
    });
    app.shell.add(panel, 'left', { rank: 650, type: 'Executions' });
    restorer?.add(panel, panel.id);

    const followNotebook = (): void => {
      const path = notebooks?.currentWidget?.context.path;
      // Results lie on a drive of their own and are nobody's current notebook.
      if (path !== undefined && !path.startsWith(`${DRIVE_NAME}:`)) {
        controls.notebook = contents.localPath(path);
      }
    };
    followNotebook();
    notebooks?.currentChanged.connect(followNotebook);
    notebooks?.widgetAdded.connect((_, widget) => {
      widget.context.pathChanged.connect(followNotebook);
    });

    const show = (): void => {
      if (!panel.isVisible) {
        app.shell.activateById(panel.id);
      }
    };
    const report = (problem: string | null): void => {
      state.complain(problem);
      if (problem !== null && !panel.isVisible) {
        // Asked for from a result tab: the sentence must not go unread.
        Notification.error(problem, { autoClose: 5000 });
      }
    };
    const actsOn = { commands, model, state, show, report, trans };
    addRowCommands(actsOn);
    addSweepCommands(actsOn);
    commands.addCommand(CommandIDs.showExecutions, {
      label: args =>
        args['scope'] === 'notebook'
          ? trans.__('Show Executions of This Notebook')
          : trans.__('Show Executions'),
      caption: trans.__('Show the list of executions in the sidebar'),
      icon: args => (args['toolbar'] ? undefined : queueIcon),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            scope: {
              type: 'string',
              description: trans.__(
                '`notebook` for the current notebook, `all` for all'
              )
            }
          }
        }
      },
      execute: args => {
        const scope = args['scope'];
        if (scope === 'notebook' || scope === 'all') {
          controls.scope = scope;
        }
        app.shell.activateById(panel.id);
        void panel.focusList();
      }
    });
    palette?.addItem({
      command: CommandIDs.showExecutions,
      category: trans.__('Executions')
    });
    palette?.addItem({
      command: CommandIDs.showExecutions,
      category: trans.__('Executions'),
      args: { scope: 'notebook' }
    });

    void settings?.load(PLUGIN_ID).then(loaded => {
      const { scope } = loaded.composite as { scope?: string };
      if (scope === 'notebook') {
        controls.scope = scope;
      }
    });
  }
};
