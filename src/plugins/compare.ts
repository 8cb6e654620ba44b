/** Executions side by side, in a tab for each set of them. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILabShell, ILayoutRestorer } from '@jupyterlab/application';
import {
  MainAreaWidget,
  Notification,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from '../commands';
import type { CompareModel } from '../compare/comparemodel';
import type { ComparePanel, View } from '../compare/panel';
import { compareIcon } from '../compare/icon';
import type { CompareSet } from '../compare/sets';
import { keyOf, setFromArgs } from '../compare/sets';
import { IExecutionsModel, IGoals, TRANSLATION_DOMAIN } from '../tokens';
import { askForNotebook } from './collect';

/** Opens executions side by side. */
export const comparePlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter_async_exec:compare',
  description: 'Shows executions side by side.',
  autoStart: true,
  requires: [IExecutionsModel, IGoals, IRenderMimeRegistry],
  optional: [ILabShell, ILayoutRestorer, IDocumentManager, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    executions: IExecutionsModel,
    goals: IGoals,
    rendermime: IRenderMimeRegistry,
    labShell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    documents: IDocumentManager | null,
    translator: ITranslator | null
  ): void => {
    const { commands, shell } = app;
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const tracker = new WidgetTracker<MainAreaWidget<ComparePanel>>({
      namespace: 'jupyter-async-exec-compare'
    });
    const report = (problem: string): void => {
      Notification.error(problem, { autoClose: 5000 });
    };

    const make = async (
      set: CompareSet,
      view: View
    ): Promise<MainAreaWidget<ComparePanel>> => {
      const { CompareModel } = await import('../compare/comparemodel');
      const { ComparePanel } = await import('../compare/panel');
      const model = new CompareModel({ set, executions, goals, trans });
      const content = new ComparePanel({
        model,
        executions,
        rendermime,
        view,
        trans,
        actions: {
          open: id => void commands.execute(CommandIDs.open, { id }),
          download,
          collect: () => collect(model),
          report
        }
      });
      const widget = new MainAreaWidget({ content });
      widget.id = `jupyter-async-exec-compare-${keyOf(set)}`;
      widget.toolbar.hide();
      // The widget around it has called it main area content.
      content.node.setAttribute('aria-label', trans.__('Comparison'));
      return widget;
    };

    const open = async (set: CompareSet, view: View): Promise<void> => {
      const id = `jupyter-async-exec-compare-${keyOf(set)}`;
      let widget = tracker.find(each => each.id === id);
      if (widget === undefined) {
        const made = await make(set, view);
        // A double click may have made it meanwhile.
        widget = tracker.find(each => each.id === id);
        if (widget === undefined) {
          widget = made;
          // Notebook 7 has room for one document in its main area.
          shell.add(widget, labShell === null ? 'down' : 'main');
          await tracker.add(widget);
        } else {
          made.dispose();
        }
      }
      shell.activateById(widget.id);
    };

    const collect = async (model: CompareModel): Promise<void> => {
      const path =
        documents === null
          ? null
          : await askForNotebook(documents, {
              title: trans.__('Collect %1 executions', model.selected.length),
              beside: model.selected[0]?.notebook_path ?? '',
              trans
            });
      if (path === null) {
        return;
      }
      try {
        const { number } = await model.collect(path);
        Notification.success(
          trans.__(
            '#%1 collects %2 executions.',
            number,
            model.selected.length
          ),
          { autoClose: 5000 }
        );
      } catch (error) {
        report((error as Error).message);
      }
    };

    commands.addCommand(CommandIDs.compare, {
      label: trans.__('Compare'),
      caption: trans.__('Show executions side by side'),
      icon: compareIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ids: {
              type: 'array',
              items: { type: ['string', 'integer'] },
              description: trans.__('Ids or numbers of executions')
            },
            sweep: {
              type: 'string',
              description: trans.__('Id of a sweep, all of it')
            },
            view: {
              type: 'string',
              description: trans.__(
                'What is shown at first: table, charts, outputs or differences'
              )
            }
          }
        }
      },
      execute: async args => {
        try {
          const set = setFromArgs(await withNumbers(args, executions));
          if (set === null) {
            report(trans.__('These executions are not there any more.'));
            return;
          }
          await open(set, (args['view'] as View | undefined) ?? 'table');
        } catch (error) {
          report((error as Error).message);
        }
      }
    });
    commands.addCommand(CommandIDs.compareWithBefore, {
      label: trans.__('Compare with the One Before'),
      caption: trans.__(
        'Show what changed since the last success, or since the execution before'
      ),
      describedBy: {
        args: {
          type: 'object',
          required: ['id'],
          properties: {
            id: {
              type: 'string',
              description: trans.__('Id of an execution')
            }
          }
        }
      },
      execute: async args => {
        try {
          const numbers = await withBefore(String(args['id']), executions);
          if (numbers.length < 2) {
            report(
              trans.__('There is no execution of this notebook before it.')
            );
            return;
          }
          await open({ numbers }, 'differences');
        } catch (error) {
          report((error as Error).message);
        }
      }
    });
    void restorer?.restore(tracker, {
      command: CommandIDs.compare,
      args: ({ content }) => argsOf(content.options.model.set),
      name: ({ id }) => id
    });
  }
};

/** Full ids become numbers: they are what comparisons are asked for by. */
async function withNumbers(
  args: ReadonlyPartialJSONObject,
  executions: IExecutionsModel
): Promise<ReadonlyPartialJSONObject> {
  const { ids } = args;
  if (!Array.isArray(ids)) {
    return args;
  }
  const numbers = await Promise.all(
    (ids as (string | number)[]).map(id =>
      /^[0-9a-f]{32}$/.test(String(id)) ? numberOf(String(id), executions) : id
    )
  );
  return { ...args, ids: numbers.filter(number => number !== null) };
}

/** The number of an execution; null of one that is gone, as in ranges. */
async function numberOf(
  id: string,
  executions: IExecutionsModel
): Promise<number | null> {
  try {
    return (await executions.get(id)).number;
  } catch (error) {
    const { ProblemError } = await import('../api/problem');
    if (error instanceof ProblemError && error.status === 404) {
      return null;
    }
    throw error;
  }
}

function argsOf(set: CompareSet): ReadonlyPartialJSONObject {
  return 'sweep' in set ? { sweep: set.sweep } : { ids: [...set.numbers] };
}

/** An execution, and the last success before a failure, its parent, or the one before. */
async function withBefore(
  id: string,
  executions: IExecutionsModel
): Promise<number[]> {
  const { client } = executions;
  const { execution, since_success } = await client.getReceipt(id);
  const { notebook_path, number, parent_id } = execution;
  if (since_success !== null) {
    return [since_success.number, number];
  }
  if (parent_id !== null) {
    return [(await executions.get(parent_id)).number, number];
  }
  const before = await client.list({
    notebook: notebook_path,
    cursor: String(number),
    limit: 1
  });
  return [...before.executions.map(each => each.number), number];
}

/** Save a text as a file of the person. */
function download(name: string, text: string): void {
  const url = URL.createObjectURL(
    // The mark tells spreadsheets that it is UTF-8.
    new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' })
  );
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
