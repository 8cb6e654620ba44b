import type { MetricPoints, MetricsPiece } from '../../api/types';
import { MAX_POINTS, merge, MetricsModel } from '../../viewer/metricsmodel';

function points(name: string, offset: number, values: number[]): MetricPoints {
  return {
    name,
    offset,
    values,
    n_points: offset + values.length,
    sampled: false,
    steps: values.map((_, index) => offset + index),
    times_s: values.map((_, index) => offset + index)
  };
}

describe('merge', () => {
  it('puts new points behind those that are known', () => {
    const known = [points('a', 0, [1, 2])];

    const [a, b] = merge(known, [points('a', 2, [3]), points('b', 0, [9])]);

    expect(a.values).toEqual([1, 2, 3]);
    expect(a.steps).toEqual([0, 1, 2]);
    expect(b.values).toEqual([9]);
  });

  it('begins anew with the first point', () => {
    const [a] = merge([points('a', 0, [1, 2])], [points('a', 0, [5])]);

    expect(a.values).toEqual([5]);
  });
});

describe('MetricsModel', () => {
  it('takes the same points once, however many asked for them', async () => {
    const pieces = [[points('a', 0, [1, 2])], [points('a', 2, [3])]];
    const model = new MetricsModel('1', {
      getMetrics: (_id, { cursor } = {}) => {
        const at = Number(cursor ?? 0);
        return Promise.resolve({
          metrics: pieces[at] ?? [],
          cursor: String(at + 1),
          complete: false
        });
      }
    });
    await model.fetch();

    await Promise.all([model.fetch(), model.fetch()]);

    expect(model.metrics[0].values).toEqual([1, 2, 3]);
    model.dispose();
  });

  it('asks for what is new, and for all again when it holds too many', async () => {
    const many = Array.from({ length: 2 * MAX_POINTS }, (_, index) => index);
    const asked: (string | undefined)[] = [];
    const pieces: MetricsPiece['metrics'][] = [
      [points('a', 0, many)],
      [points('a', many.length, many)],
      [points('a', 0, [1, 2, 3])]
    ];
    const model = new MetricsModel('1', {
      getMetrics: (_id, { cursor } = {}) => {
        asked.push(cursor);
        const metrics = pieces[asked.length - 1] ?? [];
        const complete = asked.length >= 3;
        return Promise.resolve({ metrics, cursor: 'later', complete });
      }
    });

    for (let n = 0; n < 3; n++) {
      await model.fetch();
    }

    expect(asked).toEqual([undefined, 'later', undefined]);
    expect(model.metrics[0].values).toEqual([1, 2, 3]);
    model.dispose();
  });
});
