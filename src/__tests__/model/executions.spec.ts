import type { Execution } from '../../api/types';
import { ExecutionsModel } from '../../model/executions';
import { FakeServer, makeExecution, makeRunning } from '../fakes';

/** Longer than news is gathered. */
const GATHERED_MS = 150;

let server: FakeServer;
let model: ExecutionsModel;
let finished: Execution[];

async function start(...executions: Execution[]): Promise<void> {
  server = new FakeServer(executions);
  model = new ExecutionsModel({
    client: server.client.asClient,
    stream: server.stream
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

const numbers = (): number[] => model.executions.map(({ number }) => number);

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
      expect(model.hasMore).toBe(false);
    });

    it('grows by pages without gaps or doubles', async () => {
      await start(
        ...Array.from({ length: 250 }, (_, index) => makeExecution(index + 1))
      );
      expect(model.executions).toHaveLength(100);

      await model.loadMore();
      await model.loadMore();

      expect(numbers()).toEqual(
        Array.from({ length: 250 }, (_, index) => 250 - index)
      );
      expect(model.hasMore).toBe(false);
    });

    it('keeps later pages when the first one is fetched again', async () => {
      await start(
        ...Array.from({ length: 150 }, (_, index) => makeExecution(index + 1))
      );
      await model.loadMore();
      server.put(makeExecution(151));

      await model.refresh();

      expect(numbers()).toHaveLength(151);
      expect(numbers()[0]).toBe(151);
    });

    it('drops later pages rather than show a hole', async () => {
      await start(
        ...Array.from({ length: 150 }, (_, index) => makeExecution(index + 1))
      );
      await model.loadMore();
      for (let number = 151; number <= 300; number++) {
        server.put(makeExecution(number));
      }

      await model.refresh();

      expect(numbers()).toHaveLength(100);
      expect(model.hasMore).toBe(true);
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

      expect(model.executions[0].cells_done).toBe(2);
      expect(server.client.calls).toEqual([]);
    });

    it('fetch when it started, if that was not known yet', async () => {
      await start(makeRunning(1, { started_at: null }));
      await settle();

      server.change(makeRunning(1, { cells_done: 1 }));
      await jest.advanceTimersByTimeAsync(GATHERED_MS);

      expect(model.executions[0].started_at).not.toBeNull();
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
      expect(server.client.calls).toHaveLength(2);
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

      expect(model.executions[0].status).toBe('succeeded');
    });
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
        makeExecution(1, { status: 'failed' }),
        ...Array.from({ length: 100 }, (_, index) => makeExecution(index + 2)),
        makeExecution(102, { status: 'failed' })
      );

      model.filter = { notebook: null, statuses: ['failed'], q: '' };
      expect(numbers()).toEqual([102]);
      await jest.advanceTimersByTimeAsync(10);

      expect(numbers()).toEqual([102, 1]);
    });
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
