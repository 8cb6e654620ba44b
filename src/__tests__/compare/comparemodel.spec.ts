import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import type { Comparison, Execution, Goal } from '../../api/types';
import { CompareModel } from '../../compare/comparemodel';
import type { CompareSet } from '../../compare/sets';
import { csvOf } from '../../compare/tabletools';
import { Goals } from '../../model/goals';
import type { ExecutionsChange, IExecutionsModel } from '../../tokens';
import { makeExecution, makeSweep } from '../fakes';
import { makeComparison, makeRow } from './fakes';

/** The executions of a server that answers with one comparison. */
class FakeExecutions {
  constructor(public answer: Comparison) {}

  readonly asked: object[] = [];
  fails = false;
  takesMs = 0;
  readonly submissions: object[] = [];
  readonly changed = new Signal<this, ExecutionsChange>(this);
  readonly client = {
    compare: async (query: object) => {
      this.asked.push(query);
      if (this.takesMs > 0) {
        await new Promise(done => setTimeout(done, this.takesMs));
      }
      if (this.fails) {
        throw new Error('not there');
      }
      return this.answer;
    },
    submit: (submission: object): Promise<Execution> => {
      this.submissions.push(submission);
      return Promise.resolve(makeExecution(99));
    }
  };

  now = (): number => 0;
  submitted = (): void => undefined;

  get asModel(): IExecutionsModel {
    return this as unknown as IExecutionsModel;
  }
}

const GOAL: Goal = { metric: 'acc', direction: 'maximise' };

const COMPARISON = makeComparison([
  makeRow(1, { metrics: { acc: 0.7 }, parameters: { lr: 0.1, n: 1 } }),
  makeRow(2, { metrics: { acc: 0.9 }, parameters: { lr: 0.2, n: 1 } }),
  makeRow(3, {
    metrics: { acc: 0.99 },
    parameters: { lr: 0.3, n: 1 },
    status: 'failed'
  }),
  makeRow(4, { metrics: { acc: 0.8 }, parameters: { lr: 0.4, n: 1 } })
]);
COMPARISON.differs.parameters = ['lr'];
COMPARISON.differs.metrics = ['acc'];

let executions: FakeExecutions;
let model: CompareModel;

async function open(
  set: CompareSet = { numbers: [1, 2, 3, 4] },
  goals: Record<string, Goal> = { 'train.ipynb': GOAL }
): Promise<void> {
  executions = new FakeExecutions(COMPARISON);
  const known = new Goals({
    getGoals: () => Promise.resolve(goals),
    setGoal: (_path, goal) => Promise.resolve(goal)
  });
  await known.refresh();
  model = new CompareModel({
    set,
    executions: executions.asModel,
    goals: known,
    trans: nullTranslator.load('')
  });
  await model.refresh();
}

afterEach(() => {
  jest.useRealTimers();
  model.dispose();
});

describe('CompareModel', () => {
  it('asks for nothing while nobody looks, and once when somebody does', async () => {
    await open();
    const news = { type: 'execution', execution: makeExecution(2) } as const;

    executions.changed.emit(news);
    executions.changed.emit(news);
    expect(executions.asked).toEqual([{ ids: '1-4' }]);
    const updated = new Promise<void>(done => {
      model.changed.connect(() => done());
    });
    model.isShown = true;
    await updated;

    expect(executions.asked).toHaveLength(2);
  });

  it('asks for nothing while the page is hidden, and then once', async () => {
    await open();
    const hidden = jest.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    jest.useFakeTimers();
    model.isShown = true;

    executions.changed.emit({ type: 'removed', id: makeRow(2).id });
    await jest.advanceTimersByTimeAsync(20_000);
    expect(executions.asked).toHaveLength(1);
    hidden.mockRestore();
    await jest.advanceTimersByTimeAsync(20_000);

    expect(executions.asked).toHaveLength(2);
  });

  it('leaves the server nine tenths of the time when it takes long', async () => {
    await open();
    jest.useFakeTimers();
    model.isShown = true;
    executions.takesMs = 1000;
    const news = { type: 'execution', execution: makeExecution(2) } as const;

    for (let n = 0; n < 600; n++) {
      executions.changed.emit(news);
      await jest.advanceTimersByTimeAsync(100);
    }

    expect(executions.asked.length).toBeLessThanOrEqual(1 + 7);
  });

  it('asks again for what did not come, less and less often', async () => {
    jest.useFakeTimers();
    await open();
    executions.fails = true;
    model.isShown = true;
    executions.changed.emit({ type: 'removed', id: makeRow(2).id });
    await jest.advanceTimersByTimeAsync(600_000);
    expect(executions.asked.length).toBeLessThan(30);
    expect(model.error?.message).toBe('not there');

    executions.fails = false;
    await jest.advanceTimersByTimeAsync(120_000);

    expect(model.error).toBeNull();
  });

  it('takes news of its sweep, whose executions are told of no more', async () => {
    await open({ sweep: 'abc' });
    const updated = new Promise<void>(done => {
      model.changed.connect(() => done());
    });
    model.isShown = true;

    executions.changed.emit({
      type: 'sweep',
      sweep: makeSweep('abc', [])
    });
    await updated;

    expect(executions.asked).toHaveLength(2);
  });

  it('takes no news of others', async () => {
    await open();
    model.isShown = true;

    executions.changed.emit({ type: 'execution', execution: makeExecution(7) });

    expect(executions.asked).toHaveLength(1);
  });

  it('leaves out what is the same everywhere, until it is asked for', async () => {
    await open();
    const shown = (): string[] => model.shownColumns.map(({ id }) => id);
    const brief = [
      'number',
      'status',
      'parameter:lr',
      'metric:acc',
      'duration'
    ];

    expect(shown()).toEqual(brief);
    model.hide('status', true);
    expect(shown()).toEqual(brief.filter(id => id !== 'status'));
    model.isBrief = false;
    expect(shown()).toContain('parameter:n');
    expect(shown()).not.toContain('status');
  });

  it('ranks by the goal, without what failed', async () => {
    await open();

    expect(model.ranked.map(({ number }) => number)).toEqual([2, 4, 1]);
    await model.setGoal(null);
    expect(model.ranked).toEqual([]);
  });

  it('gives the selected executions to a notebook, in the order of the rows', async () => {
    await open();
    model.order = { column: 'metric:acc', isDescending: true };
    const ids = model.ranked.slice(0, 2).map(({ id }) => id);
    model.selectOnly([...ids].reverse());

    await model.collect('collect.ipynb');

    expect(executions.submissions).toEqual([
      { path: 'collect.ipynb', collect: { executions: ids } }
    ]);
  });

  it('is saved as it shows', async () => {
    await open();
    model.order = { column: 'metric:acc', isDescending: true };
    model.selectOnly([makeRow(1).id, makeRow(2).id]);

    expect(csvOf(model).split('\r\n')).toEqual([
      'number,status,lr,acc,duration_s',
      '2,succeeded,0.2,0.9,60',
      '1,succeeded,0.1,0.7,60',
      ''
    ]);
  });
});
