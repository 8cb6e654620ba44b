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
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { TranslationBundle } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import type { Execution } from '../api/types';
import { CommandIDs } from '../commands';
import { submitIcon } from '../icons';
import type { Send } from '../submit/ask';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- there from the start
import { SubmitButton } from '../submit/button';
import type { ICapture } from '../submit/capture';
import { captureNotebook, withoutOutputs } from '../submit/capture';

import { Confirmation, SHOWN_MS, submittedLabel } from '../submit/confirmation';
// The button is there as soon as the notebook is: no time to load it later.
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { PanelSubmission } from '../submit/panelsubmission';
// eslint-disable-next-line jupyter/prefer-lazy-imports
import { describeError, Submitter } from '../submit/submitter';
import {
  IExecutionsModel,
  IGoals,
  PLUGIN_ID,
  TRANSLATION_DOMAIN
} from '../tokens';
import { DRIVE_NAME } from '../viewer/paths';

/** Name of the button in `jupyter.lab.toolbars` of the settings schema. */
const TOOLBAR_ITEM = 'run-as-experiment';

/** What the commands work with. */
interface IParts {
  app: JupyterFrontEnd;
  model: IExecutionsModel;
  submitter: Submitter;
  notebooks: INotebookTracker | null;
  files: IFileBrowserFactory | null;
  documents: IDocumentManager | null;
  goals: IGoals | null;
  /** Says for a moment what was submitted where no button shows it. */
  confirm: (text: string) => void;
  /** Whether what ran already is offered in place of running it again. */
  offersSame: () => boolean;
  translator: ITranslator;
  trans: TranslationBundle;
}

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
    const parts: IParts = {
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
    addNotebookCommands(parts);
    addOtherCommands(parts);
    addCopyCommand(parts);
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

function addNotebookCommands(parts: IParts): void {
  const { app, documents, goals, model, submitter, trans, translator } = parts;
  const describedBy = {
    args: {
      type: 'object',
      properties: {
        panel: {
          type: 'string',
          description: trans.__('Id of a notebook tab; default the current one')
        }
      }
    }
  };

  app.commands.addCommand(CommandIDs.submit, {
    label: trans.__('Run as Experiment'),
    caption: trans.__('Seal this notebook as it is now and run it elsewhere'),
    icon: args => (args['toolbar'] ? undefined : submitIcon),
    describedBy,
    isEnabled: args => findPanel(args, parts) !== null,
    execute: async args => {
      const panel = findPanel(args, parts);
      return panel ? await submissionOf(panel, parts).run() : null;
    }
  });

  app.commands.addCommand(CommandIDs.submitWithParameters, {
    label: trans.__('Run with Parameters…'),
    caption: trans.__('Choose parameter values, then run as experiment'),
    describedBy,
    isEnabled: args => findPanel(args, parts) !== null,
    execute: args =>
      orSay(parts, async () => {
        const panel = findPanel(args, parts);
        const capture = panel && captureNotebook(panel);
        if (!panel || !capture) {
          return null;
        }
        const { askAndSubmit } = await import('../submit/ask');
        return askAndSubmit(
          capture,
          (changed, place) =>
            submissionOf(panel, parts).send(capture, changed, place),
          {
            client: model.client,
            sweep: {
              plan: wish => submitter.planSweep(capture, wish),
              submit: wish =>
                submissionOf(panel, parts).sendSweep(capture, wish)
            },
            goal: goals?.find(capture.path),
            documents,
            trans,
            translator
          }
        );
      })
  });
}

function addOtherCommands(parts: IParts): void {
  const { app, confirm, documents, model, submitter, trans, translator } =
    parts;

  app.commands.addCommand(CommandIDs.submitFile, {
    label: trans.__('Run as Experiment'),
    caption: trans.__('Run the selected notebooks as experiments'),
    icon: submitIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    isVisible: () => selectedNotebooks(parts).length > 0,
    execute: () =>
      orSay(parts, async () => {
        const accepted: Execution[] = [];
        for (const path of selectedNotebooks(parts)) {
          // What is open is run as it is on the screen, here as well.
          const panel = parts.notebooks?.find(
            one => one.context.path === path && one.context.isReady
          );
          const capture = panel && captureNotebook(panel);
          if (panel && capture) {
            accepted.push(await submissionOf(panel, parts).send(capture));
          } else {
            accepted.push(await submitter.submitFile(path));
          }
          // No button is near that could say so.
          confirm(submittedLabel(accepted, trans));
        }
        return null;
      })
  });

  app.commands.addCommand(CommandIDs.rerunWithParameters, {
    label: trans.__('Run Again with Parameters…'),
    caption: trans.__('Run the same snapshot with other parameter values'),
    describedBy: executionArgs(trans),
    execute: args =>
      orSay(parts, async () => {
        const id = args['id'];
        if (typeof id !== 'string' && typeof id !== 'number') {
          return null;
        }
        const execution = await model.get(id);
        const { askAndRerun } = await import('../submit/ask');
        return askAndRerun(
          execution,
          (changed, place) => submitter.rerun(execution.id, changed, place),
          { client: model.client, documents, trans, translator }
        );
      })
  });
}

function executionArgs(trans: TranslationBundle): {
  args: ReadonlyJSONObject;
} {
  return {
    args: {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'string', description: trans.__('Id of an execution') }
      }
    }
  };
}

function addCopyCommand(parts: IParts): void {
  const { app, documents, model, trans, translator } = parts;
  app.commands.addCommand(CommandIDs.copyParameters, {
    label: trans.__('Run This Notebook with These Parameters…'),
    caption: trans.__(
      'Run the notebook as it is now, with the parameters of this execution filled in'
    ),
    describedBy: executionArgs(trans),
    execute: args =>
      orSay(parts, async () => {
        const id = args['id'];
        if (typeof id !== 'string' && typeof id !== 'number') {
          return null;
        }
        const { notebook_path, parameters } = await model.get(id);
        const { capture, send } = await captureAt(notebook_path, parts);
        const { askAndSubmit } = await import('../submit/ask');
        return askAndSubmit(
          capture,
          send,
          { client: model.client, documents, trans, translator },
          parameters
        );
      })
  });
}

/** A notebook as it is on the screen, or else as it was saved. */
async function captureAt(
  path: string,
  parts: IParts
): Promise<{
  capture: ICapture;
  send: Send;
}> {
  const panel = parts.notebooks?.find(
    one => one.context.path.replace(/^RTC:/, '') === path
  );
  const open = panel && captureNotebook(panel);
  if (panel && open) {
    return {
      capture: open,
      send: (changed, place) =>
        submissionOf(panel, parts).send(open, changed, place)
    };
  }
  const { contents } = parts.app.serviceManager;
  const saved = await contents.get(path, { type: 'notebook', content: true });
  const capture: ICapture = {
    path,
    notebook: withoutOutputs(saved.content as INotebookContent),
    kernelName: null
  };
  const send: Send = async (changed, place) => {
    const execution = await parts.submitter.submit(capture, changed, place);
    parts.confirm(submittedLabel([execution], parts.trans));
    return execution;
  };
  return { capture, send };
}

function makeButton(panel: NotebookPanel, parts: IParts): Widget {
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

function makeMenu(panel: NotebookPanel, { app }: IParts): MenuSvg {
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

function submissionOf(
  panel: NotebookPanel,
  { offersSame, submitter, trans }: IParts
): PanelSubmission {
  const refused = sayRefused;
  return PanelSubmission.of({ panel, submitter, trans, refused, offersSame });
}

function findPanel(
  args: ReadonlyPartialJSONObject,
  { notebooks }: IParts
): NotebookPanel | null {
  const panel =
    typeof args['panel'] === 'string'
      ? notebooks?.find(one => one.id === args['panel'])
      : notebooks?.currentWidget;
  return panel && !isResult(panel) ? panel : null;
}

function isResult(panel: NotebookPanel): boolean {
  return panel.context.path.startsWith(`${DRIVE_NAME}:`);
}

function selectedNotebooks({ files }: IParts): string[] {
  const browser = files?.tracker.currentWidget;
  return Array.from(browser?.selectedItems() ?? [])
    .filter(item => item.type === 'notebook')
    .map(item => item.path);
}

/** A refusal is no notice of an end: it stays until it has been read. */
function sayRefused(message: string): void {
  Notification.error(message, { autoClose: false });
}

async function orSay<T>(
  { trans }: IParts,
  action: () => Promise<T>
): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    sayRefused(describeError(error, trans));
    return null;
  }
}
