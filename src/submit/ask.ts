/** Ask for parameter values: find what a notebook declares, show the form, send the answer. */
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';

import type { IExecutionsClient } from '../api/client';
import type {
  Execution,
  Goal,
  NotebookJSON,
  Parameters,
  ParameterList,
  Sweep
} from '../api/types';
import { LOCAL } from '../model/labels';
import type { IBrowseOptions } from './browse';
import type { ICapture } from './capture';
import { FormModel } from './formmodel';
import { keepPlace, lastPlace } from './lastplace';
import type { PlaceOptions } from './place';
import { PlaceForm } from './place';
import { PresetsModel } from './presets';
import { showForm } from './show';
import type { SweepForm, SweepWish } from './sweepform';

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
  /** Told of the accepted sweep when the form is closed. */
  accepted?: (sweep: Sweep) => void;
  /** The metric that counts for the notebook. */
  goal?: Goal | null;
  /** Shows files; left out where there are none. */
  documents?: IBrowseOptions['documents'] | null;
}

/** Submits the values that differ from the defaults, to where was chosen. */
export type Send = (
  changed: Parameters,
  place: PlaceOptions
) => Promise<Execution>;

/**
 * Ask for the parameters of a notebook in memory, and where it runs; then run it.
 *
 * @param capture - The notebook.
 * @param send - Submits it.
 * @param given - What to fill in; left out, the values of its latest execution.
 * @returns The accepted execution; null when the user cancelled.
 */
export async function askAndSubmit(
  capture: ICapture,
  send: Send,
  options: IAskOptions,
  given?: Parameters
): Promise<Execution | null> {
  const { client, goal = null, sweep, trans } = options;
  const [list, last, canSearch] = await Promise.all([
    client.findParameters(capture.path, { ...capture.notebook }),
    findLast(client, capture.path),
    sweep ? findWhetherItSearches(client) : false
  ]);
  const name = capture.path.split('/').pop() ?? capture.path;
  const kernel =
    capture.kernelName ?? capture.notebook.metadata.kernelspec?.name;
  const chosen = lastPlace(capture.path);
  const place = new PlaceForm({
    find: () => client.getBackends(kernel),
    last: chosen.backend ?? last?.backend ?? LOCAL,
    resources: chosen.resources ?? last?.resources ?? {}
  });
  const search: SweepForm.ISearch = {
    isAvailable: canSearch,
    goal,
    metrics: Object.keys(last?.metrics ?? {})
  };
  return show(
    trans.__('Run %1 with parameters', name),
    knownTo(list, given ?? last?.parameters ?? {}),
    { list, path: capture.path, notebook: { ...capture.notebook }, place },
    changed => send(changed, place.options),
    { ...options, sweep: sweep && { ...sweep, search } }
  );
}

/**
 * Ask for other parameters for a snapshot, and where it runs; then run it again.
 *
 * @param execution - The execution whose snapshot it is.
 * @param send - Runs it again with the values that differ from its defaults.
 * @returns The accepted execution; null when the user cancelled.
 */
export async function askAndRerun(
  execution: Execution,
  send: Send,
  options: IAskOptions
): Promise<Execution | null> {
  const { client, trans } = options;
  const place = new PlaceForm({
    find: () => client.getBackends(execution.kernel_name),
    last: execution.backend,
    resources: execution.resources
  });
  const source: NotebookJSON = await client.getNotebook(execution.id, 'source');
  const list = await client.findParameters(execution.notebook_path, source);
  return show(
    trans.__('Run #%1 again with parameters', execution.number),
    execution.parameters,
    { list, path: execution.notebook_path, notebook: source, place },
    changed => send(changed, place.whole),
    options
  );
}

/** The notebook that a form is about. */
interface INotebook {
  list: ParameterList;
  path: string;
  notebook: NotebookJSON;
  /** Where it runs. */
  place: PlaceForm;
}

async function show(
  title: string,
  values: Parameters,
  { list, notebook, path, place }: INotebook,
  send: (changed: Parameters) => Promise<Execution>,
  { accepted, client, documents, sweep, trans, translator }: IAskOptions
): Promise<Execution | null> {
  const model = new FormModel({
    list,
    values,
    submit: send,
    sweep: sweep && at(place, sweep),
    trans
  });
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
  void place.watch();
  const shown = { model, presets, place, title, trans, translator };
  await showForm(shown, path, documents);
  place.stop();
  if (place.isShown && (model.execution !== null || model.accepted !== null)) {
    keepPlace(path, place.whole);
  }
  if (model.accepted !== null) {
    accepted?.(model.accepted);
  }
  return model.execution;
}

/** The same for many, where was chosen. */
function at(place: PlaceForm, sweep: SweepForm.IOptions): SweepForm.IOptions {
  const there = (wish: SweepWish): SweepWish =>
    Object.keys(place.options).length > 0
      ? { ...wish, options: place.options }
      : wish;
  return {
    ...sweep,
    plan: wish => sweep.plan(there(wish)),
    submit: wish => sweep.submit(there(wish))
  };
}

/** What was chosen for a notebook the last time. */
async function findLast(
  client: IExecutionsClient,
  path: string
): Promise<Execution | null> {
  try {
    const { executions } = await client.list({ notebook: path, limit: 1 });
    return executions[0] ?? null;
  } catch {
    // A convenience only; the form works with the defaults as well.
    return null;
  }
}

async function findWhetherItSearches(
  client: IExecutionsClient
): Promise<boolean> {
  try {
    return (await client.getStatus()).adaptive;
  } catch {
    // Whoever tries is told.
    return true;
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
