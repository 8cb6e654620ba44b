/** The commands that submit: from a notebook, from the file browser, from an execution. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { Execution, Sweep } from '../api/types';
import { CommandIDs } from '../commands';
import { submitIcon } from '../icons';
import type { Send } from '../submit/ask';
import type { ICapture } from '../submit/capture';
import { captureNotebook, withoutOutputs } from '../submit/capture';
import { nothingNewLabel, submittedLabel } from '../submit/confirmation';
import { PanelSubmission } from '../submit/panelsubmission';
import type { Submitter } from '../submit/submitter';
import { describeError } from '../submit/submitter';
import type { IExecutionsModel, IGoals } from '../tokens';
import { DRIVE_NAME } from '../viewer/paths';

/** What the commands work with. */
export interface ISubmitParts {
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

/**
 * Add all of them.
 *
 * @param parts - what they work with.
 */
export function addSubmitCommands(parts: ISubmitParts): void {
  addNotebookCommands(parts);
  addFileCommand(parts);
  addExecutionCommands(parts);
}

function addNotebookCommands(parts: ISubmitParts): void {
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
            accepted: sweep => showKnown(sweep, parts),
            goal: goals?.find(capture.path),
            documents,
            trans,
            translator
          }
        );
      })
  });
}

/** A sweep that started nothing has no row on the list: its results lie in Compare. */
function showKnown(sweep: Sweep, { app, confirm, trans }: ISubmitParts): void {
  if (sweep.first_number === null) {
    confirm(nothingNewLabel(sweep, trans));
    void app.commands.execute(CommandIDs.compare, { sweep: sweep.id });
  }
}

function addFileCommand(parts: ISubmitParts): void {
  const { app, confirm, submitter, trans } = parts;

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
}

function addExecutionCommands(parts: ISubmitParts): void {
  const { app, documents, model, submitter, trans, translator } = parts;
  const describedBy = {
    args: {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'string', description: trans.__('Id of an execution') }
      }
    }
  };
  const withExecution = <T>(
    args: ReadonlyPartialJSONObject,
    action: (execution: Execution) => Promise<T>
  ): Promise<T | null> =>
    orSay(parts, async () => {
      const id = args['id'];
      return typeof id === 'string' || typeof id === 'number'
        ? action(await model.get(id))
        : null;
    });

  app.commands.addCommand(CommandIDs.rerunWithParameters, {
    label: trans.__('Run Again with Parameters…'),
    caption: trans.__('Run the same snapshot with other parameter values'),
    describedBy,
    execute: args =>
      withExecution(args, async execution => {
        const { askAndRerun } = await import('../submit/ask');
        return askAndRerun(
          execution,
          (changed, place) => submitter.rerun(execution.id, changed, place),
          { client: model.client, documents, trans, translator }
        );
      })
  });

  app.commands.addCommand(CommandIDs.copyParameters, {
    label: trans.__('Run This Notebook with These Parameters…'),
    caption: trans.__(
      'Run the notebook as it is now, with the parameters of this execution filled in'
    ),
    describedBy,
    execute: args =>
      withExecution(args, async execution => {
        const { notebook_path, parameters } = execution;
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
  parts: ISubmitParts
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

/**
 * Get the submission of a notebook tab, of which there is one.
 *
 * @param panel - the tab.
 */
export function submissionOf(
  panel: NotebookPanel,
  { offersSame, submitter, trans }: ISubmitParts
): PanelSubmission {
  const refused = sayRefused;
  return PanelSubmission.of({ panel, submitter, trans, refused, offersSame });
}

function findPanel(
  args: ReadonlyPartialJSONObject,
  { notebooks }: ISubmitParts
): NotebookPanel | null {
  const panel =
    typeof args['panel'] === 'string'
      ? notebooks?.find(one => one.id === args['panel'])
      : notebooks?.currentWidget;
  return panel && !isResult(panel) ? panel : null;
}

/**
 * Whether a notebook tab shows a result.
 *
 * @param panel - the tab.
 */
export function isResult(panel: NotebookPanel): boolean {
  return panel.context.path.startsWith(`${DRIVE_NAME}:`);
}

function selectedNotebooks({ files }: ISubmitParts): string[] {
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
  { trans }: ISubmitParts,
  action: () => Promise<T>
): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    sayRefused(describeError(error, trans));
    return null;
  }
}
