import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import type {
  Comparison,
  Execution,
  Goal,
  SweepSummary
} from '../../api/types';
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
  /** What the sweep is asked to search for. */
  objective: Goal | null = null;
  sweep: SweepSummary | undefined = undefined;
  readonly stopped: unknown[] = [];
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
    getSweep: (id: string) =>
      Promise.resolve({ ...makeSweep(id, []), objective: this.objective }),
    cancelSweep: (...args: unknown[]) => {
      this.stopped.push(args);
      return Promise.resolve();
    },
    submit: (submission: object): Promise<Execution> => {
      this.submissions.push(submission);
      return Promise.resolve(makeExecution(99));
    }
  };

  readonly sweeps = {
    find: () => this.sweep,
    fetch: () => Promise.resolve()
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
let known: Goals;
let model: CompareModel;

async function open(
  set: CompareSet = { numbers: [1, 2, 3, 4] },
  goals: Record<string, Goal> = { 'train.ipynb': GOAL },
  server: FakeExecutions = new FakeExecutions(COMPARISON)
): Promise<void> {
  executions = server;
  known = new Goals({
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

  it('names the goal of the first notebook, and leaves those of others alone', async () => {
    const rows = [makeRow(1), makeRow(2, { notebook_path: 'other.ipynb' })];
    const loss: Goal = { metric: 'loss', direction: 'minimise' };
    await open(
      undefined,
      { 'train.ipynb': GOAL, 'other.ipynb': loss },
      new FakeExecutions(makeComparison(rows))
    );

    expect(model.goalPath).toBe('train.ipynb');
    await model.setGoal(null);

    expect(known.find('train.ipynb')).toBeNull();
    expect(known.find('other.ipynb')).toEqual(loss);
  });

  it('judges a search by what it searches for', async () => {
    const server = new FakeExecutions(COMPARISON);
    server.objective = { metric: 'acc', direction: 'minimise' };

    await open({ sweep: 'abc' }, undefined, server);

    expect(model.goal).toEqual(server.objective);
    expect(model.ranked.map(({ number }) => number)).toEqual([1, 4, 2]);
  });

  it('judges a search by something else when asked, in its tab alone', async () => {
    const server = new FakeExecutions(COMPARISON);
    server.objective = { metric: 'acc', direction: 'minimise' };
    await open({ sweep: 'abc' }, undefined, server);

    await model.setGoal({ metric: 'lr', direction: 'minimise' });
    expect(model.goal?.metric).toBe('lr');
    await model.setGoal(null);

    expect(model.goal).toBeNull();
    expect(known.find('train.ipynb')).toEqual(GOAL);
  });

  it('shows a sweep by the goal of its notebook when it searches for nothing', async () => {
    await open({ sweep: 'abc' });

    expect(model.goal).toEqual(GOAL);
  });

  it('starts nothing more of a sweep, and lets what runs come to its end', async () => {
    const rows = [
      makeRow(1, { status: 'running' }),
      makeRow(2, { status: 'queued' })
    ];
    const server = new FakeExecutions(makeComparison(rows));
    await open({ sweep: 'abc' }, undefined, server);

    expect(model.nWaiting).toBe(1);
    await model.stopTheRest();

    expect(server.stopped).toEqual([['abc', true]]);
  });

  it('counts what a search is still to choose among what waits', async () => {
    const server = new FakeExecutions(
      makeComparison([makeRow(1, { status: 'succeeded' })])
    );
    const counts = { ...makeSweep('abc', []).counts, to_come: 30 };
    server.sweep = makeSweep('abc', [], { counts });

    await open({ sweep: 'abc' }, undefined, server);

    expect(model.nWaiting).toBe(30);
    expect(model.isLive).toBe(true);
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
