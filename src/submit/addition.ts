/** Ask for more values for a sweep that is there: the form, filled with what it has. */
import type { IExecutionsClient } from '../api/client';
import type {
  NotebookJSON,
  ParameterList,
  Parameters,
  Sweep,
  SweepDefinition
} from '../api/types';
import { JSONExt } from '@lumino/coreutils';
import type { PartialJSONValue } from '@lumino/coreutils';
import type { IBrowseOptions } from './browse';
import type { ParametersDialog } from './form';
import { FormModel } from './formmodel';
import { showForm } from './show';
import type { SweepWish } from './sweepform';

/** What a sweep was asked for, as far as the form shows it. */
export interface IBegun {
  /** By parameter its values: a text or a list. */
  readonly values: Record<string, string | unknown[]>;
  /** What is the same in all executions. */
  readonly parameters: Parameters;
  /** The columns of its table. */
  readonly columns: readonly string[];
}

/** What asking needs. */
export interface IAdditionOptions extends Pick<
  ParametersDialog.IOptions,
  'title' | 'trans' | 'translator'
> {
  /** The REST calls. */
  client: IExecutionsClient;
  /** Shows files; left out where there are none. */
  documents?: IBrowseOptions['documents'] | null;
}

/**
 * Ask for more values, then add them.
 *
 * @param sweep - to which they are added.
 * @param options - the server and the words.
 * @returns The sweep as it is then; null when the user cancelled.
 */
export async function askToAdd(
  sweep: Sweep,
  options: IAdditionOptions
): Promise<Sweep | null> {
  const { client, documents, trans } = options;
  const path = sweep.notebook_path;
  const begun = readBegun(sweep);
  // The snapshot says what is declared, not the notebook as it is now.
  const [one] = [...sweep.executions, ...sweep.reused];
  const source: NotebookJSON = await client.getNotebook(one.id, 'source');
  const list = await client.findParameters(path, source);
  const add = (wish: SweepWish): SweepDefinition =>
    toAddition(wish, begun, list);
  const model = new FormModel({
    list,
    values: begun.parameters,
    texts: Object.fromEntries(
      Object.entries(begun.values).map(([name, given]) => [name, toText(given)])
    ),
    // Not reached: what is added is always several.
    submit: () => Promise.reject(new Error()),
    sweep: {
      isAddition: true,
      plan: wish => client.planAddition(sweep.id, add(wish)),
      submit: wish => client.addToSweep(sweep.id, add(wish))
    },
    trans
  });
  if (begun.columns.length > 0) {
    model.table = `${begun.columns.join(',')}\n`;
  }
  await showForm({ ...options, model }, path, documents);
  return model.accepted;
}

/**
 * Read what a sweep was asked for.
 *
 * @param sweep - as the server tells it.
 */
export function readBegun({ definition }: Pick<Sweep, 'definition'>): IBegun {
  const rows = (definition['table'] ?? []) as Parameters[];
  return {
    values: (definition['values'] ?? {}) as IBegun['values'],
    parameters: (definition['parameters'] ?? {}) as Parameters,
    columns: Object.keys(rows[0] ?? {})
  };
}

/**
 * Say what is added by a form that was filled with what a sweep has.
 *
 * @param wish - what stands in the form.
 * @param begun - what the sweep was asked for.
 * @param list - what its notebook declares.
 *
 * #### Notes
 * The server gives every addition what is the same in the sweep; so only what
 * differs from that is sent, as one value of several.
 */
export function toAddition(
  wish: SweepWish,
  begun: IBegun,
  list: ParameterList
): SweepDefinition {
  const { mode, parameters = {}, samples, table, values = {} } = wish;
  const declared = new Map(list.parameters.map(each => [each.name, each]));
  const added: IBegun['values'] = {};
  for (const [name, given] of Object.entries(begun.values)) {
    // What the form has no field for stays as it was.
    if (!declared.has(name)) {
      added[name] = given;
    }
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (!isSame(value, begun.parameters[name])) {
      added[name] = [value];
    }
  }
  for (const name of Object.keys(begun.parameters)) {
    const parameter = declared.get(name);
    if (parameter && !(name in parameters) && !(name in values)) {
      // Taken back to the default of the notebook.
      const value: unknown = parameter.default ?? null;
      if (!parameter.computed && !isSame(value, begun.parameters[name])) {
        added[name] = [value];
      }
    }
  }
  return {
    values: { ...added, ...values },
    ...(table === undefined ? {} : { table }),
    ...(mode === undefined ? {} : { mode }),
    ...(samples === undefined ? {} : { samples })
  };
}

/** Several values as they would be written into a field. */
function toText(given: string | unknown[]): string {
  return typeof given === 'string'
    ? given
    : given
        .map(value =>
          typeof value === 'string' && !/[,"'\s]|\.\.|\(/.test(value)
            ? value
            : JSON.stringify(value)
        )
        .join(', ');
}

function isSame(one: unknown, other: unknown): boolean {
  return (
    other !== undefined &&
    JSONExt.deepEqual(one as PartialJSONValue, other as PartialJSONValue)
  );
}
