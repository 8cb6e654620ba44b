import type { ExecutionPage } from '../../api/types';
import { ExecutionList, PAGE_SIZE } from '../../model/executionlist';
import { makeExecution } from '../fakes';

/** Every `step`-th execution from `newest` down. */
function page(
  newest: number,
  n: number,
  step = 1,
  isLast = false
): ExecutionPage {
  const executions = Array.from({ length: n }, (_, i) =>
    makeExecution(newest - i * step)
  );
  const last = executions[n - 1].number;
  return {
    executions,
    next_cursor: isLast ? null : String(last),
    sweeps: []
  };
}

let list: ExecutionList;

beforeEach(() => {
  list = new ExecutionList();
});

describe('ExecutionList', () => {
  it('knows all of a short list', () => {
    list.coverTop(page(3, 3, 1, true), 0);

    expect(list.length).toBe(3);
    expect(list.isComplete).toBe(true);
  });

  it('guesses by numbers how long the rest is', () => {
    list.coverTop(page(100_000, 100), 0);

    expect(list.length).toBe(100_000);
    expect(list.at(50_000)).toBeNull();
  });

  it('guesses by density where a filter lets through every tenth', () => {
    list.coverTop(page(100_000, 100, 10), 0);

    expect(list.length).toBeGreaterThan(9_900);
    expect(list.length).toBeLessThan(10_300);
  });

  it('never guesses more than a browser can scroll', () => {
    list.coverTop(page(100_000_000, 100), 0);

    expect(list.length).toBeLessThan(300_000);
  });

  it('moves nothing above or below when a gap is filled in the middle', () => {
    list.coverTop(page(100_000, 100), 0);
    const request = list.requestFor(50_000, false);

    list.coverPage(request, page(request.after - 1, PAGE_SIZE));

    expect(list.at(50_000)).toBe(50_000);
    expect(list.at(99)).toBe(99_901);
    expect(list.length).toBe(100_000);
  });

  it('is shorter when a page shows that there is no more', () => {
    list.coverTop(page(1000, 100), 0);
    const request = list.requestFor(100, false);

    list.coverPage(request, page(900, 5, 1, true));

    expect(list.length).toBe(105);
    expect(list.isComplete).toBe(true);
  });

  it('asks from the near side of a gap, so that rows follow on', () => {
    list.coverTop(page(1000, 100), 0);
    list.cover({ low: 0, high: 1 }, [1]);

    expect(list.requestFor(101, false)).toEqual({
      sort: '-number',
      after: 901
    });
    expect(list.requestFor(998, true)).toEqual({ sort: 'number', after: 1 });
  });

  it('takes what belongs into a gap for found later', () => {
    list.coverTop(page(1000, 100), 0);

    list.add(500);

    expect(list.has(500)).toBe(false);
    expect(list.length).toBe(1000);
  });
});
