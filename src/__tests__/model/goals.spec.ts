import { nullTranslator } from '@jupyterlab/translation';

import type { Goal, MetricValue } from '../../api/types';
import {
  compareByGoal,
  Goals,
  metricLabel,
  rankByGoal
} from '../../model/goals';
import { metricColumn } from '../../sidebar/columns/metric';
import { makeExecution } from '../fakes';

const LOSS: Goal = { metric: 'loss', direction: 'minimise' };
const ACCURACY: Goal = { metric: 'acc', direction: 'maximise' };

/** The goals of a server that keeps what it is told. */
function makeGoals(kept: Record<string, Goal> = {}): Goals {
  return new Goals({
    getGoals: () => Promise.resolve({ ...kept }),
    setGoal: (_path, goal) => Promise.resolve(goal)
  });
}

describe('Goals', () => {
  it('knows what the server keeps, and what is named here', async () => {
    const goals = makeGoals({ 'a.ipynb': LOSS });
    let changes = 0;
    goals.changed.connect(() => (changes += 1));

    await goals.refresh();
    await goals.set('b.ipynb', ACCURACY);
    await goals.set('a.ipynb', null);

    expect(goals.find('a.ipynb')).toBeNull();
    expect(goals.find('b.ipynb')).toEqual(ACCURACY);
    expect(changes).toBe(3);
  });

  it('says nothing when others have named nothing new', async () => {
    const kept: Record<string, Goal> = { 'a.ipynb': LOSS };
    const goals = makeGoals(kept);
    let changes = 0;
    goals.changed.connect(() => (changes += 1));

    await goals.refresh();
    kept['a.ipynb'] = { ...LOSS };
    await goals.refresh();
    kept['a.ipynb'] = ACCURACY;
    await goals.refresh();

    expect(changes).toBe(2);
    expect(goals.find('a.ipynb')).toEqual(ACCURACY);
  });

  it('shows the metric that counts in its column', async () => {
    const goals = makeGoals({ 'train.ipynb': ACCURACY });
    const column = metricColumn(goals, nullTranslator.load(''));
    const execution = makeExecution(1, { metrics: { acc: 0.91234 } });

    expect(column.render(execution, 0)).toBeNull();
    await goals.refresh();
    expect(column.render(execution, 0)).toBe('0.9123');
    expect(column.render(makeExecution(2), 0)).toBeNull();
  });
});

describe('rankByGoal', () => {
  it('puts the best first and leaves out what has no number', () => {
    const values: MetricValue[] = [0.3, 'NaN', 0.1, 'Infinity', 0.1];
    const executions = [
      ...values.map((loss, index) =>
        makeExecution(index + 1, { metrics: { loss } })
      ),
      makeExecution(6)
    ];

    const best = rankByGoal(executions, LOSS);

    expect(best.map(({ number }) => number)).toEqual([3, 5, 1, 4]);
  });

  it('knows which direction is better', () => {
    expect(compareByGoal(ACCURACY, 0.9, 0.8)).toBeLessThan(0);
    expect(compareByGoal(LOSS, 0.9, 0.8)).toBeGreaterThan(0);
    expect(compareByGoal(LOSS, 'NaN', 0.8)).toBeGreaterThan(0);
    expect(compareByGoal(LOSS, '-Infinity', '-Infinity')).toBe(0);
  });
});

describe('metricLabel', () => {
  it.each<[MetricValue, string]>([
    [12, '12'],
    [0.912345, '0.9123'],
    [0, '0'],
    [-0.5, '-0.5'],
    [0.00001234, '1.23e-5'],
    [12345678, '1.23e+7'],
    ['NaN', 'NaN'],
    ['-Infinity', '−∞']
  ])('says %p as %p', (value, label) => {
    expect(metricLabel(value)).toBe(label);
  });
});
