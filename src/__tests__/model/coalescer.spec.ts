import { Coalescer } from '../../model/coalescer';

/** A task that ends when it is told to, and counts. */
class Task {
  nRuns = 0;
  nAtOnce = 0;
  mostAtOnce = 0;

  run = async (): Promise<void> => {
    this.nRuns += 1;
    this.nAtOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.nAtOnce);
    try {
      await new Promise<void>((resolve, reject) => {
        this.end = resolve;
        this.fail = () => reject(new Error('no server'));
      });
    } finally {
      this.nAtOnce -= 1;
    }
  };

  end: () => void = () => undefined;
  fail: () => void = () => undefined;
}

/** Let what follows from what happened happen. */
const settle = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

let task: Task;
let coalescer: Coalescer;

beforeEach(() => {
  jest.useFakeTimers();
  task = new Task();
  coalescer = new Coalescer(task.run);
});

afterEach(() => {
  coalescer.dispose();
  jest.useRealTimers();
});

/** Swallow what a test does not look at. */
const start = (): void => void coalescer.run().catch(() => undefined);

describe('Coalescer', () => {
  it('makes one more run of all calls during a run', async () => {
    start();
    start();
    start();
    task.end();
    await settle();

    expect(task.nRuns).toBe(2);

    task.end();
    await settle();
    expect(task.nRuns).toBe(2);
  });

  it('never runs twice at once, whenever it is called', async () => {
    start();
    start();
    task.end();
    // Between the end of one run and the beginning of the next.
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      start();
    }
    await settle();

    expect(task.mostAtOnce).toBe(1);
  });

  it('tries again by itself what failed', async () => {
    start();
    task.fail();
    await settle();

    await jest.advanceTimersByTimeAsync(2000);

    expect(task.nRuns).toBe(2);
  });

  it('tries ever more rarely, until it succeeds', async () => {
    start();
    for (let second = 0; second < 60; second++) {
      task.fail();
      await jest.advanceTimersByTimeAsync(1000);
    }
    expect(task.nRuns).toBeGreaterThan(4);
    expect(task.nRuns).toBeLessThan(9);

    await jest.advanceTimersByTimeAsync(30_000);
    task.end();
    await settle();
    const then = task.nRuns;
    await jest.advanceTimersByTimeAsync(120_000);

    expect(task.nRuns).toBe(then);
  });

  it('is called again in vain once it is over', async () => {
    start();
    task.fail();
    await settle();

    coalescer.dispose();
    await jest.advanceTimersByTimeAsync(60_000);

    expect(task.nRuns).toBe(1);
  });
});
