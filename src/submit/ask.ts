/** Ask for parameter values: find what a notebook declares, show the form, send the answer. */
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import type { IExecutionsClient } from '../api/client';
import type {
  Execution,
  NotebookJSON,
  Parameters,
  ParameterList
} from '../api/types';
import type { ICapture } from './capture';
import { ParametersDialog } from './form';
import { FormModel } from './formmodel';
import { PresetsModel } from './presets';
import type { SweepForm } from './sweepform';

/** What asking needs. */
export interface IAskOptions {
  /** The REST calls. */
  client: IExecutionsClient;
  /** The words. */
  trans: TranslationBundle;
  /** For JupyterLab's own words in the form. */
  translator?: ITranslator;
  /** Plans and submits many; left out where there can be but one. */
  sweep?: SweepForm.IOptions;
}

/**
 * Ask for the parameters of a notebook in memory, then run it.
 *
 * @param capture - The notebook.
 * @param send - Submits it with the values that differ from its defaults.
 * @param given - What to fill in; left out, the values of its latest execution.
 * @returns The accepted execution; null when the user cancelled.
 */
export async function askAndSubmit(
  capture: ICapture,
  send: (changed: Parameters) => Promise<Execution>,
  options: IAskOptions,
  given?: Parameters
): Promise<Execution | null> {
  const { client, trans } = options;
  const [list, values] = await Promise.all([
    client.findParameters(capture.path, { ...capture.notebook }),
    given ?? lastValues(client, capture.path)
  ]);
  const name = capture.path.split('/').pop() ?? capture.path;
  return show(
    trans.__('Run %1 with parameters', name),
    knownTo(list, values),
    { list, path: capture.path, notebook: { ...capture.notebook } },
    send,
    options
  );
}

/**
 * Ask for other parameters for a snapshot, then run it again.
 *
 * @param execution - The execution whose snapshot it is.
 * @param send - Runs it again with the values that differ from its defaults.
 * @returns The accepted execution; null when the user cancelled.
 */
export async function askAndRerun(
  execution: Execution,
  send: (changed: Parameters) => Promise<Execution>,
  options: IAskOptions
): Promise<Execution | null> {
  const { client, trans } = options;
  const source: NotebookJSON = await client.getNotebook(execution.id, 'source');
  const list = await client.findParameters(execution.notebook_path, source);
  return show(
    trans.__('Run #%1 again with parameters', execution.number),
    execution.parameters,
    { list, path: execution.notebook_path, notebook: source },
    send,
    options
  );
}

/** The notebook that a form is about. */
interface INotebook {
  list: ParameterList;
  path: string;
  notebook: NotebookJSON;
}

async function show(
  title: string,
  values: Parameters,
  { list, notebook, path }: INotebook,
  send: (changed: Parameters) => Promise<Execution>,
  { client, sweep, trans, translator }: IAskOptions
): Promise<Execution | null> {
  const model = new FormModel({ list, values, submit: send, sweep, trans });
  const secrets = list.parameters
    .filter(({ secret }) => secret)
    .map(({ name }) => name);
  const presets = new PresetsModel({
    client,
    form: model,
    path,
    notebook,
    secrets,
    trans
  });
  // The form does not wait for them.
  void presets.refresh();
  const focused = document.activeElement;
  await new ParametersDialog({
    model,
    presets,
    title,
    trans,
    translator
  }).launch();
  if (document.activeElement === document.body) {
    // Opened from a menu, the dialog has nobody to give the focus back to.
    const place =
      focused instanceof HTMLElement && focused !== document.body
        ? focused
        : document.querySelector<HTMLElement>(
            '.jp-MainAreaWidget.jp-mod-current, .jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook'
          );
    place?.focus();
  }
  return model.execution;
}

async function lastValues(
  client: IExecutionsClient,
  path: string
): Promise<Parameters> {
  try {
    const { executions } = await client.list({ notebook: path, limit: 1 });
    return executions[0]?.parameters ?? {};
  } catch {
    // A convenience only; the form works with the defaults as well.
    return {};
  }
}

/** A parameter that has gone from the notebook since must not come back. */
function knownTo(list: ParameterList, values: Parameters): Parameters {
  if (!list.typed || list.parameters.length === 0) {
    return values;
  }
  const names = new Set(list.parameters.map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => names.has(name))
  );
}
