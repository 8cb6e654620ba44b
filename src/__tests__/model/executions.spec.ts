import { ProblemError } from '../../api/problem';
import type { Execution, ExecutionPage } from '../../api/types';
import { ExecutionsModel } from '../../model/executions';
import { FakeServer, makeExecution, makeRunning } from '../fakes';

/** Longer than news is gathered. */
const GATHERED_MS = 150;

let server: FakeServer;
let model: ExecutionsModel;
let finished: Execution[];

/** Executions that are over, newest first. */
const many = (n: number): Execution[] =>
  Array.from({ length: n }, (_, index) => makeExecution(n - index));

async function start(...executions: Execution[]): Promise<void> {
  server = new FakeServer(executions);
  model = new ExecutionsModel({
    client: server.client.asClient,
    events: server.stream
  });
  finished = [];
  model.finished.connect((_, execution) => finished.push(execution));
  await jest.advanceTimersByTimeAsync(10);
  await model.ready;
}

/** Let the first event be heard, after which the revision is known. */
async function settle(): Promise<void> {
  server.emit(makeRunning(999), { deleted: true });
  await jest.advanceTimersByTimeAsync(GATHERED_MS);
  server.client.calls.length = 0;
}

const known = (): Execution[] =>
  Array.from(
    { length: model.executions.length },
    (_, position) => model.executions.at(position).execution
  ).filter(execution => execution !== null);

const numbers = (): number[] => known().map(({ number }) => number);

/** Look at rows until all that is to be fetched for that is here. */
async function look(first: number, end: number): Promise<void> {
  model.look(first, end);
  await jest.advanceTimersByTimeAsync(200);
}

beforeEach(() => jest.useFakeTimers());

afterEach(() => {
  model.dispose();
  jest.useRealTimers();
});

describe('ExecutionsModel', () => {
  describe('#executions', () => {
    it('holds the first page, newest first', async () => {
      await start(makeExecution(1), makeExecution(3), makeExecution(2));

      expect(numbers()).toEqual([3, 2, 1]);
      expect(model.executions.isComplete).toBe(true);
    });

    it('has a place for every row before it is fetched', async () => {
      await start(...many(1000));

      expect(model.executions.length).toBe(1000);
      expect(model.executions.isComplete).toBe(false);
      expect(model.executions.at(999).number).toBe(1);
    });

    it('is fetched where it is looked at, and a little further', async () => {
      await start(...many(2000));

      await look(1000, 1020);

      const fetched = numbers();
      expect(fetched).toEqual(expect.arrayContaining([1000, 981, 800]));
      expect(fetched.length).toBeLessThan(700);
      expect(model.executions.at(1000).number).toBe(1000);
    });

    it('grows by pages without gaps or doubles', async () => {
      await start(...many(650));

      for (let first = 0; first < 650; first += 50) {
        await look(first, first + 20);
      }

      expect(numbers()).toEqual(many(650).map(({ number }) => number));
      expect(model.executions.isComplete).toBe(true);
    });

    it('fetches nothing that a dragged thumb flies over', async () => {
      await start(...many(10_000));
      server.client.calls.length = 0;

      for (let first = 0; first < 5000; first += 500) {
        model.look(first, first + 20);
        await jest.advanceTimersByTimeAsync(16);
      }
      await jest.advanceTimersByTimeAsync(200);

      expect(server.client.calls.length).toBeLessThan(5);
      expect(model.executions.at(4500).number).toBe(5500);
    });

    it('forgets records that nobody looks at, and fetches them again', async () => {
      await start(...many(6000));
      for (let first = 0; first < 6000; first += 90) {
        await look(first, first + 20);
      }
      expect(known().length).toBeLessThan(3500);
      expect(model.executions.at(300).number).toBe(5700);
      expect(model.executions.at(300).execution).toBeNull();

      await look(300, 320);

      expect(model.executions.at(300).execution?.number).toBe(5700);
    });

    it('keeps later pages when the first one is fetched again', async () => {
      await start(...many(350));
      await look(200, 220);
      server.put(makeExecution(351));

      await model.refresh();

      expect(numbers()).toHaveLength(351);
      expect(numbers()[0]).toBe(351);
    });

    it('leaves a place for what came in while nobody listened', async () => {
      await start(...many(150));
      await look(90, 110);
      for (let number = 151; number <= 400; number++) {
        server.put(makeExecution(number));
      }

      await model.refresh();

      expect(model.executions.length).toBe(400);
      expect(numbers().slice(0, 100)).toEqual(
        Array.from({ length: 100 }, (_, i) => 400 - i)
      );
      expect(model.executions.positionOf(150)).toBe(250);
    });

    it('keeps what was submitted while an older answer was on its way', async () => {
      await start(...many(3));

      const refresh = model.refresh();
      model.submitted(makeExecution(4, { status: 'queued' }));
      await refresh;

      expect(numbers()).toEqual([4, 3, 2, 1]);
    });
  });

  describe('#submitted()', () => {
    it('shows the new row at once, without asking the server', async () => {
      await start(makeExecution(1));
      await settle();

      model.submitted(makeExecution(2, { status: 'queued' }));

      expect(numbers()).toEqual([2, 1]);
      expect(server.client.calls).toEqual([]);
    });

    it('leaves the list alone when the filter keeps the row out', async () => {
      await start(makeExecution(1));
      model.filter = { notebook: 'train.ipynb', statuses: [], q: '' };

      model.submitted(makeExecution(2, { notebook_path: 'other.ipynb' }));

      expect(numbers()).toEqual([1]);
      expect(model.find(2)?.number).toBe(2);
    });
  });

  describe('events', () => {
    it('move progress without any request', async () => {
      await start(makeRunning(1));
      await settle();

      server.change(makeRunning(1, { cells_done: 2 }));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(known()[0].cells_done).toBe(2);
      expect(server.client.calls).toEqual([]);
    });

    it('fetch when it started, if that was not known yet', async () => {
      await start(makeRunning(1, { started_at: null }));
      await settle();

      server.change(makeRunning(1, { cells_done: 1 }));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(known()[0].started_at).not.toBeNull();
    });

    it('of an end fetch that execution once and tell it once', async () => {
      await start(makeRunning(1));
      await settle();

      server.change(makeExecution(1));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);
      server.emit(makeExecution(1));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(finished.map(({ number }) => number)).toEqual([1]);
      expect(finished[0].finished_at).not.toBeNull();
      expect(server.client.calls[0]).toBe('get 1');
    });

    it('of strangers fetch them', async () => {
      await start();
      await settle();

      server.change(makeRunning(7));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(numbers()).toEqual([7]);
      expect(server.client.calls).toEqual(['get 7']);
    });

    it('in a burst become one fetch of the list', async () => {
      const running = Array.from({ length: 50 }, (_, i) => makeRunning(i + 1));
      await start(...running);
      await settle();

      running.forEach(({ number }) => server.change(makeExecution(number)));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(finished).toHaveLength(50);
      expect(server.client.calls).toHaveLength(1);
    });

    it('of 200 executions within 20 s ask for little', async () => {
      await start();
      await settle();

      for (let number = 1; number <= 200; number++) {
        server.change(makeRunning(number));
        await jest.advanceTimersByTimeAsync(50);
        server.change(makeExecution(number));
        await jest.advanceTimersByTimeAsync(50);
      }
      await jest.advanceTimersByTimeAsync(2000);

      expect(finished).toHaveLength(200);
      expect(numbers()).toHaveLength(200);
      expect(server.client.calls.length).toBeLessThan(3 * 20);
    });

    it('with a gap before them fetch the list again', async () => {
      await start(makeRunning(1));
      await settle();
      server.put(makeExecution(1));
      server.put(makeRunning(2));
      server.rev += 1;

      server.change(makeRunning(3));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(numbers()).toEqual([3, 2, 1]);
      expect(finished.map(({ number }) => number)).toEqual([1]);
    });

    it('of another server process fetch the list again', async () => {
      await start(makeExecution(1));
      await settle();
      server.put(makeExecution(2));
      server.bootId = 'second';

      server.change(makeRunning(3));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(numbers()).toEqual([3, 2, 1]);
    });

    it('are asked about again soon when the answer failed', async () => {
      await start();
      await settle();
      server.client.failure = new Error('no server');
      server.change(makeRunning(1));
      server.change(makeExecution(2));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      server.client.failure = null;
      await jest.advanceTimersByTimeAsync(2000);

      expect(numbers()).toEqual([2, 1]);
      expect(server.client.calls).toHaveLength(2);
    });

    it('with a gap before them fetch the list again soon when that failed', async () => {
      await start(makeRunning(1));
      await settle();
      server.client.failure = new Error('no server');
      server.put(makeExecution(1));
      server.rev += 1;
      server.change(makeExecution(2));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      server.client.failure = null;
      await jest.advanceTimersByTimeAsync(2000);

      expect(numbers()).toEqual([2, 1]);
      expect(known()[1].status).toBe('succeeded');
      expect(model.error).toBeNull();
    });

    it('cause no storm while the server is away', async () => {
      await start();
      await settle();
      server.client.failure = new Error('no server');

      server.change(makeRunning(1));
      await jest.advanceTimersByTimeAsync(25_000);

      expect(server.client.calls.length).toBeLessThan(8);
    });

    it('that the server refuses to answer keep nothing else back', async () => {
      await start();
      await settle();
      const { client } = server;
      const get = client.get.bind(client);
      client.get = async id => {
        if (id === makeExecution(999).id) {
          throw new ProblemError(500, {
            message: 'The record cannot be read.',
            reason: 'internal',
            details: {}
          });
        }
        return get(id);
      };

      server.change(makeExecution(999));
      server.change(makeExecution(1));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(numbers()).toEqual([1]);
    });

    it('of a deletion take the row away', async () => {
      await start(makeExecution(1), makeExecution(2));

      server.emit(makeExecution(1), { deleted: true });

      expect(numbers()).toEqual([2]);
    });

    it('are not undone by an answer that was on its way', async () => {
      await start(makeRunning(1, { cells_done: 1 }));
      await settle();
      server.emit(makeExecution(1));

      model.submitted(makeRunning(1, { cells_done: 1 }));

      expect(known()[0].status).toBe('succeeded');
    });
  });

  it('shows again what the server has after all', async () => {
    await start();
    await settle();
    // Not there yet when it is asked for.
    server.emit(makeRunning(1));
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    expect(numbers()).toEqual([]);

    server.put(makeRunning(1));
    await jest.advanceTimersByTimeAsync(31_000);

    expect(numbers()).toEqual([1]);
  });

  describe('#finished', () => {
    it('says nothing of what was over before', async () => {
      await start(makeExecution(1));

      await model.refresh();

      expect(finished).toEqual([]);
    });

    it('tells what the slow poll found over, below the first page too', async () => {
      await start(
        makeRunning(1),
        ...Array.from({ length: 120 }, (_, index) => makeExecution(index + 2))
      );
      server.put(makeExecution(1));

      await jest.advanceTimersByTimeAsync(31_000);

      expect(finished.map(({ number }) => number)).toEqual([1]);
    });
  });

  describe('#refresh()', () => {
    it('makes one more run of many calls during a run', async () => {
      await start(makeExecution(1));
      server.client.calls.length = 0;

      await Promise.all(Array.from({ length: 20 }, () => model.refresh()));

      expect(server.client.calls).toHaveLength(4);
    });

    it('keeps the rows and the reason when the server is away', async () => {
      await start(makeExecution(1));
      server.client.failure = new Error('no server');

      await model.refresh();

      expect(numbers()).toEqual([1]);
      expect(model.error?.message).toBe('no server');
    });
  });

  describe('#filter', () => {
    it('shows what is known at once, then what the server has', async () => {
      await start(
        makeExecution(1),
        makeExecution(2, { status: 'failed' }),
        ...Array.from({ length: 100 }, (_, index) => makeExecution(index + 3)),
        makeExecution(103, { status: 'failed' })
      );

      model.filter = { notebook: null, statuses: ['failed'], q: '' };
      expect(numbers()).toEqual([103]);
      await jest.advanceTimersByTimeAsync(10);

      expect(numbers()).toEqual([103, 2]);
    });
  });

  it('passes the words of a search on as they were typed', async () => {
    await start(makeExecution(1));
    await settle();

    model.filter = { notebook: null, statuses: [], q: 'lr=0.003 "#4" äö%' };
    await jest.advanceTimersByTimeAsync(10);

    expect(server.client.calls[0]).toBe(
      `list ${JSON.stringify({ q: 'lr=0.003 "#4" äö%', limit: 100 })}`
    );
  });

  describe('#remove()', () => {
    it('takes the row away at once and for good', async () => {
      await start(makeExecution(1), makeExecution(2));

      const removal = model.remove(makeExecution(1).id);
      expect(numbers()).toEqual([2]);
      await removal;
      await model.refresh();

      expect(numbers()).toEqual([2]);
    });

    it('is not undone by an answer that was on its way', async () => {
      await start(makeExecution(1), makeExecution(2));
      const { client } = server;
      const answer = await client.list({ limit: 100 });
      const list = client.list.bind(client);
      let arrive: (page: ExecutionPage) => void = () => undefined;
      client.list = () => new Promise(resolve => (arrive = resolve));
      const refresh = model.refresh();
      await model.remove(makeExecution(1).id);

      client.list = list;
      arrive(answer);
      await refresh;

      expect(numbers()).toEqual([2]);
    });

    it('is undone when somebody takes it out of the trash unheard', async () => {
      await start(makeExecution(1), makeExecution(2));
      await model.remove(makeExecution(1).id);

      server.put(makeExecution(1));
      await model.refresh();

      expect(numbers()).toEqual([2, 1]);
    });

    it('puts the row back when the server refuses', async () => {
      await start(makeExecution(1));
      server.client.failure = new Error('not over');

      await expect(model.remove(makeExecution(1).id)).rejects.toThrow();

      expect(numbers()).toEqual([1]);
    });
  });

  describe('#usualDuration()', () => {
    it('is that of the newest succeeded execution', async () => {
      await start(
        makeExecution(1, { finished_at: '2026-01-01T10:09:00Z' }),
        makeExecution(2),
        makeExecution(3, {
          status: 'failed',
          finished_at: '2026-01-01T10:00:01Z'
        })
      );

      expect(model.usualDuration('train.ipynb')).toBe(60);
      expect(model.usualDuration('other.ipynb')).toBeNull();
    });
  });
});
