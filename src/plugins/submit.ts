/** Submitting notebooks: the toolbar button, the form and their commands. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  IToolbarWidgetRegistry,
  Notification
} from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from '../commands';
import { submitIcon } from '../icons';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- there from the start
import { SubmitButton } from '../submit/button';
import { Confirmation, SHOWN_MS } from '../submit/confirmation';
// The button is there as soon as the notebook is: no time to load it later.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { Submitter } from '../submit/submitter';
import {
  IExecutionsModel,
  IGoals,
  PLUGIN_ID,
  TRANSLATION_DOMAIN
} from '../tokens';
import type { ISubmitParts } from './submitcommands';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- commands are there from the start
import { addSubmitCommands, isResult, submissionOf } from './submitcommands';

/** Name of the button in `jupyter.lab.toolbars` of the settings schema. */
const TOOLBAR_ITEM = 'run-as-experiment';

/** Submits notebooks. */
export const submitPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:submit',
  description: 'Runs notebooks as experiments, from toolbar, menus and keys.',
  autoStart: true,
  requires: [IExecutionsModel],
  optional: [
    INotebookTracker,
    IToolbarWidgetRegistry,
    IFileBrowserFactory,
    ICommandPalette,
    IStatusBar,
    ISettingRegistry,
    IDocumentManager,
    IGoals,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IExecutionsModel,
    notebooks: INotebookTracker | null,
    toolbars: IToolbarWidgetRegistry | null,
    files: IFileBrowserFactory | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null,
    settings: ISettingRegistry | null,
    documents: IDocumentManager | null,
    goals: IGoals | null,
    translator_: ITranslator | null
  ): void => {
    const translator = translator_ ?? nullTranslator;
    const trans = translator.load(TRANSLATION_DOMAIN);
    const submitter = new Submitter({
      client: model.client,
      accepted: execution => model.submitted(execution),
      acceptedSweep: ({ id }) => void model.sweeps.fetch(id)
    });
    let offersSame = true;
    void settings?.load(PLUGIN_ID).then(loaded => {
      const apply = (): void => {
        offersSame = loaded.composite['offerSame'] !== false;
      };
      apply();
      loaded.changed.connect(apply);
    });
    const parts: ISubmitParts = {
      app,
      model,
      submitter,
      notebooks,
      files,
      documents,
      goals,
      confirm: makeConfirm(statusBar),
      offersSame: () => offersSame,
      translator,
      trans
    };
    addSubmitCommands(parts);
    toolbars?.addFactory<NotebookPanel>('Notebook', TOOLBAR_ITEM, panel =>
      makeButton(panel, parts)
    );
    for (const command of [
      CommandIDs.submit,
      CommandIDs.submitWithParameters
    ]) {
      palette?.addItem({ command, category: trans.__('Executions') });
    }
    notebooks?.currentChanged.connect(() => {
      app.commands.notifyCommandChanged(CommandIDs.submit);
      app.commands.notifyCommandChanged(CommandIDs.submitWithParameters);
    });
  }
};

/** In the status bar; Notebook 7's file browser has none. */
function makeConfirm(statusBar: IStatusBar | null): (text: string) => void {
  if (!statusBar) {
    return text => void Notification.info(text, { autoClose: SHOWN_MS });
  }
  const confirmation = new Confirmation();
  statusBar.registerStatusItem('jupyter_async_exec:submitted', {
    item: confirmation,
    align: 'left',
    rank: 90,
    isActive: () => confirmation.isActive,
    activeStateChanged: confirmation.activeChanged
  });
  return text => confirmation.say(text);
}

function makeButton(panel: NotebookPanel, parts: ISubmitParts): Widget {
  if (isResult(panel)) {
    const none = new Widget();
    none.hide();
    return none;
  }
  return new SubmitButton({
    submission: submissionOf(panel, parts),
    makeMenu: () => makeMenu(panel, parts),
    onOpen: ({ id }) =>
      void parts.app.commands.execute(CommandIDs.open, { id }),
    icon: submitIcon,
    trans: parts.trans
  });
}

function makeMenu(panel: NotebookPanel, { app }: ISubmitParts): MenuSvg {
  const menu = new MenuSvg({ commands: app.commands });
  menu.addItem({ command: CommandIDs.submit, args: { panel: panel.id } });
  menu.addItem({
    command: CommandIDs.submitWithParameters,
    args: { panel: panel.id }
  });
  menu.addItem({ type: 'separator' });
  menu.addItem({
    command: CommandIDs.showExecutions,
    args: { scope: 'notebook' }
  });
  return menu;
}
