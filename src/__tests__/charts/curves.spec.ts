import { thin } from '../../charts/curves';

describe('thin', () => {
  it('leaves a short line alone', () => {
    const points = [0, 1, 2].map(x => ({ x, y: x }));

    expect(thin(points, 4)).toBe(points);
  });

  it('keeps the ends and every peak of a long line, in order', () => {
    const points = Array.from({ length: 100_000 }, (_, x) => ({
      x,
      y: Math.sin(x / 500)
    }));
    points[31_415].y = 7;
    points[27_182].y = -7;

    const kept = thin(points, 300);

    expect(kept.length).toBeLessThanOrEqual(4 * 151);
    expect(kept[0]).toBe(points[0]);
    expect(kept[kept.length - 1]).toBe(points[99_999]);
    expect(kept).toContain(points[31_415]);
    expect(kept).toContain(points[27_182]);
    expect(kept.map(({ x }) => x)).toEqual(
      kept.map(({ x }) => x).sort((a, b) => a - b)
    );
  });

  it('does not fall over what stands on one step', () => {
    const points = Array.from({ length: 1_000 }, (_, y) => ({ x: 3, y }));

    expect(thin(points, 10)).toEqual([points[0], points[999]]);
  });
});
