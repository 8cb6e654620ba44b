import { nullTranslator } from '@jupyterlab/translation';

import { ProblemError } from '../../api/problem';
import type {
  Execution,
  Parameter,
  Parameters,
  Sweep,
  SweepPlan
} from '../../api/types';
import { FormModel } from '../../submit/formmodel';
import type { SweepForm, SweepWish } from '../../submit/sweepform';
import { planLabel, runLabel } from '../../submit/sweepoptions';
import { columnsOf } from '../../submit/varied';

const trans = nullTranslator.load('jupyter_async_exec');

/** Longer than typing must pause. */
const PAUSED_MS = 350;

function make(fields: Partial<Parameter>): Parameter {
  return {
    name: 'lr',
    type: 'float',
    default: 0.1,
    required: false,
    comment: '',
    annotation: null,
    ...fields
  };
}

function planOf(fields: Partial<SweepPlan> = {}): SweepPlan {
  return {
    count: 24,
    n_reused: 0,
    n_files: 0,
    n_new_files: 0,
    duration_s: 720,
    message: '',
    trials: [{ lr: 0.5 }],
    ...fields
  };
}

let planned: SweepWish[];
let swept: SweepWish[];
let single: Parameters[];
let answer: () => SweepPlan;

/** A form of a server that can search; the notebook has no goal. */
const SEARCH: SweepForm.ISearch = {
  isAvailable: true,
  goal: null,
  metrics: ['val_acc']
};

function open(...parameters: Parameter[]): FormModel {
  return openWith({}, ...parameters);
}

function openWith(
  sweep: Partial<SweepForm.IOptions>,
  ...parameters: Parameter[]
): FormModel {
  return new FormModel({
    list: { parameters, language: 'python', typed: true, cell_index: 0 },
    values: {},
    submit: async changed => {
      single.push(changed);
      return {} as Execution;
    },
    sweep: {
      plan: async wish => {
        planned.push(wish);
        return answer();
      },
      submit: async wish => {
        swept.push(wish);
        return {} as Sweep;
      },
      ...sweep
    },
    trans
  });
}

beforeEach(() => {
  jest.useFakeTimers();
  planned = [];
  swept = [];
  single = [];
  answer = () => planOf();
});

afterEach(() => jest.useRealTimers());

describe('FormModel, several values', () => {
  it('asks the server nothing while every field has one value', async () => {
    const model = open(make({}));

    model.data = { p0: '0.5' };
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    expect(planned).toEqual([]);
    expect(model.varied.several.size).toBe(0);
  });

  it('takes a comma in the field of a number for several values', async () => {
    const model = open(make({}), make({ name: 'n', type: 'int', default: 1 }));

    model.data = { p0: '0.1, ', p1: '7' };
    model.data = { p0: '0.1, 0.01', p1: '7' };
    expect(model.problems).toEqual({});
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    // Asked once, after a pause, with the text as it was typed.
    expect(planned).toEqual([
      { values: { lr: '0.1, 0.01' }, parameters: { n: 7 } }
    ]);
    expect(runLabel(model.sweep?.plan ?? null, trans)).toBe(
      'Run 24 executions'
    );
    expect(planLabel(planOf(), trans)).toBe('about 12 min');
    expect(await model.submit()).toBe(true);
    expect(swept).toHaveLength(1);
    expect(single).toEqual([]);
  });

  it('leaves a text with a comma alone until several are asked for', async () => {
    const model = open(make({ name: 'label', type: 'str', default: 'a' }));

    model.data = { p0: 'a, b' };
    expect(model.varied.several.size).toBe(0);
    model.setSeveral('p0', true);
    await jest.advanceTimersByTimeAsync(PAUSED_MS);
    expect(planned).toEqual([{ values: { label: 'a, b' } }]);
    model.setSeveral('p0', false);

    expect(model.data).toEqual({ p0: 'a' });
    expect(model.sweep?.plan).toBeNull();
  });

  it('shows the sentence of the server at the field', async () => {
    const model = open(make({}));
    answer = () => {
      throw new ProblemError(422, {
        message: 'The step of the range is 0.',
        reason: 'invalid_parameters',
        details: { fields: { lr: 'The step of the range is 0.' } }
      });
    };

    model.data = { p0: '1..5..0' };
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    expect(model.problems).toEqual({ p0: 'The step of the range is 0.' });
    expect(model.message).toBeNull();
    expect(await model.submit()).toBe(false);
    expect(swept).toEqual([]);
  });

  it('shows what belongs to no field below the form', async () => {
    const model = open(make({}));
    const message = 'This sweep would be 1,000,000 executions.';
    answer = () => {
      throw new ProblemError(422, { message, reason: 'refused', details: {} });
    };

    model.data = { p0: '1..1000000' };
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    expect(model.message).toBe(message);
    expect(model.problems).toEqual({});
  });

  it('sends what was chosen, and nothing of what was not', async () => {
    const model = open(make({}));
    model.data = { p0: '0.1, 0.01' };

    model.sweep?.choose({ canary: false, stopAfter: 3, reuse: '7' });
    await model.submit();

    expect(swept).toEqual([
      {
        values: { lr: '0.1, 0.01' },
        canary: false,
        stop_after_failures: 3,
        reuse: { policy: 'exact', max_age_s: 604_800 }
      }
    ]);
  });

  it('runs one value as one execution', async () => {
    const model = open(make({}));
    model.setSeveral('p0', true);
    model.data = { p0: '0.5' };
    answer = () => planOf({ count: 1 });

    await model.submit();

    expect(swept).toEqual([]);
    expect(single).toEqual([{ lr: 0.5 }]);
  });

  it('says what is new among files, and nothing without history', () => {
    const files = planOf({
      n_files: 17,
      n_new_files: 4,
      count: 12,
      duration_s: null
    });

    expect(planLabel(files, trans)).toBe('17 files, 4 new');
    expect(planLabel(planOf({ duration_s: null }), trans)).toBe('');
    expect(planLabel(planOf({ n_reused: 3 }), trans)).toBe(
      '3 ran already · about 12 min'
    );
  });
});

describe('FormModel, search', () => {
  it('searches what only a search understands, as far as it is known', async () => {
    const model = openWith({ search: SEARCH }, make({}));

    model.data = { p0: 'log(1e-4, 1e-1)' };
    await jest.advanceTimersByTimeAsync(PAUSED_MS);
    model.sweep?.choose({
      objective: { metric: ' val_acc ', direction: 'maximise' },
      parallel: 4
    });
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    const values = { lr: 'log(1e-4, 1e-1)' };
    expect(planned).toEqual([
      { values, mode: 'adaptive', samples: 20 },
      {
        values,
        mode: 'adaptive',
        samples: 20,
        objective: { metric: 'val_acc', direction: 'maximise' },
        parallel: 4
      }
    ]);
  });

  it('searches for what counts for the notebook unless something else is named', async () => {
    const goal = { metric: 'loss', direction: 'minimise' } as const;
    const model = openWith({ search: { ...SEARCH, goal } }, make({}));
    model.data = { p0: '0.1, 0.01, 0.001' };

    model.sweep?.choose({ mode: 'adaptive', samples: 3, reuse: 'exact' });
    await model.submit();

    expect(model.sweep?.objective).toEqual(goal);
    // What ran already is nothing that a search takes over.
    expect(swept).toEqual([
      {
        values: { lr: '0.1, 0.01, 0.001' },
        mode: 'adaptive',
        samples: 3,
        objective: goal
      }
    ]);
  });
});

describe('FormModel, table', () => {
  it('leaves the parameters of a table to it, and the rows to the server', async () => {
    const model = open(make({}), make({ name: 'n', type: 'int', default: 1 }));
    model.data = { p0: '0.5', p1: '7' };

    model.table = 'lr; other\n0.1; 2\n';
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    expect(planned).toEqual([
      { values: {}, table: 'lr; other\n0.1; 2\n', parameters: { n: 7 } }
    ]);
    expect(model.uiSchema['p0']['ui:widget']).toBe('covered');
    expect(await model.submit()).toBe(true);
    expect(swept).toHaveLength(1);

    model.table = null;
    expect(model.uiSchema['p0']['ui:widget']).toBe('line');
    expect(model.isMany).toBe(false);
  });

  it('does not complain of a table that has only begun', async () => {
    const model = open(make({}));

    model.table = '';
    model.table = 'lr\n';
    await jest.advanceTimersByTimeAsync(PAUSED_MS);
    expect(planned).toEqual([]);
    model.table = 'lr\n0.1';
    await jest.advanceTimersByTimeAsync(PAUSED_MS);

    expect(planned).toHaveLength(1);
  });

  it.each([
    ['', []],
    ['lr, n\n1, 2', ['lr', 'n']],
    ['"lr"\tn\n', ['lr', 'n']],
    [' [{"lr": 1, "n": 2}]', ['lr', 'n']],
    ['[{"lr": 1', []],
    ['{}', []]
  ])('finds the columns of %j', (text, names) => {
    expect(columnsOf(text)).toEqual(names);
  });
});
