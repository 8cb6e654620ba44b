import { Signal } from '@lumino/signaling';

import type { Execution, Sweep } from '../../api/types';
import { StoredClaims } from '../../notifiers/claims';
import { NoticeQueue } from '../../notifiers/queue';
import { NotifierRegistry } from '../../notifiers/registry';
import { SweepWatch } from '../../notifiers/sweeps';
import type { IExecutionsModel } from '../../tokens';
import { makeExecution } from '../fakes';

let stored: Map<string, string>;
let visibility: DocumentVisibilityState;

const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value)
};

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One open tab. */
class Tab {
  constructor() {
    const model = {
      now: () => Date.now()
    } as unknown as Mutable<IExecutionsModel>;
    this.finished = new Signal<IExecutionsModel, Execution>(model);
    model.finished = this.finished;
    const registry = new NotifierRegistry();
    registry.register({
      id: 'fake',
      canNotify: () => visibility === 'visible',
      notify: executions => {
        this.told.push(executions.map(({ number }) => number));
      },
      notifySweep: ({ first_number, last_number }) => {
        this.toldSweeps.push([first_number, last_number]);
      }
    });
    this.queue = new NoticeQueue({
      model,
      sweeps: new SweepWatch({
        list: async () => ({
          executions: this.alive,
          next_cursor: null
        }),
        getSweep: async () => this.sweep
      }),
      notifiers: registry,
      claims: new StoredClaims({ storage, key: 'told' }),
      typing: this.typing,
      isOnScreen: id => this.onScreen.has(id)
    });
  }

  readonly finished: Signal<IExecutionsModel, Execution>;
  readonly queue: NoticeQueue;
  readonly told: number[][] = [];
  readonly toldSweeps: (number | null)[][] = [];
  /** What of the sweep is not over yet. */
  alive: Execution[] = [];
  sweep = {
    id: 'f'.repeat(32),
    status: 'failed',
    created_at: '2026-01-01T00:00:00Z',
    finished_at: '2026-01-01T00:01:00Z',
    first_number: 18,
    last_number: 41
  } as Sweep;
  readonly typing = { remainingMs: 0 };
  readonly onScreen = new Set<string>();
}

const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  jest.useFakeTimers();
  stored = new Map();
  visibility = 'visible';
  jest
    .spyOn(document, 'visibilityState', 'get')
    .mockImplementation(() => visibility);
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('NoticeQueue', () => {
  it('tells of an execution that is over', async () => {
    const tab = new Tab();

    tab.finished.emit(makeExecution(1));
    await pass(2100);

    expect(tab.told).toEqual([[1]]);
  });

  it('makes one notice of what ends within two seconds', async () => {
    const tab = new Tab();

    tab.finished.emit(makeExecution(1));
    await pass(1500);
    tab.finished.emit(makeExecution(2));
    await pass(1500);
    tab.finished.emit(makeExecution(3));
    await pass(2100);

    expect(tab.told).toEqual([[1, 2], [3]]);
  });

  it('makes one notice of a sweep, when all of it is over', async () => {
    const tab = new Tab();
    const sweep_id = tab.sweep.id;

    tab.alive = [makeExecution(41)];
    tab.finished.emit({ ...makeExecution(18), sweep_id });
    await pass(5000);
    expect(tab.toldSweeps).toEqual([]);
    tab.alive = [];
    tab.finished.emit({ ...makeExecution(40), sweep_id });
    tab.finished.emit({ ...makeExecution(41), sweep_id });
    await pass(5000);

    expect(tab.toldSweeps).toEqual([[18, 41]]);
    expect(tab.told).toEqual([]);
  });

  it('tells of a sweep in one of two tabs, and again when it has grown', async () => {
    const [one, other] = [new Tab(), new Tab()];
    const ended = { ...makeExecution(41), sweep_id: one.sweep.id };

    one.finished.emit(ended);
    other.finished.emit(ended);
    await pass(5000);
    expect([...one.toldSweeps, ...other.toldSweeps]).toEqual([[18, 41]]);
    one.sweep = { ...one.sweep, finished_at: '2026-01-01T00:09:00Z' };
    one.finished.emit({ ...makeExecution(42), sweep_id: one.sweep.id });
    await pass(5000);

    expect(one.toldSweeps.length + other.toldSweeps.length).toBe(2);
  });

  it('waits for a pause in typing', async () => {
    const tab = new Tab();
    tab.typing.remainingMs = 2000;

    tab.finished.emit(makeExecution(1));
    await pass(6000);
    expect(tab.told).toEqual([]);
    tab.typing.remainingMs = 0;
    await pass(2000);

    expect(tab.told).toEqual([[1]]);
  });

  it('says nothing of what is on the screen', async () => {
    const tab = new Tab();
    tab.onScreen.add(makeExecution(1).id);

    tab.finished.emit(makeExecution(1));
    await pass(5000);

    expect(tab.told).toEqual([]);
  });

  it('says nothing when the result was opened in the meantime', async () => {
    const tab = new Tab();

    tab.finished.emit(makeExecution(1));
    await pass(1000);
    tab.onScreen.add(makeExecution(1).id);
    await pass(5000);

    expect(tab.told).toEqual([]);
  });

  it.each(['succeeded', 'failed'] as const)(
    'says nothing of a short run that %s',
    async status => {
      const tab = new Tab();
      const finished_at = '2026-01-01T10:00:09Z';

      tab.finished.emit(makeExecution(1, { status, finished_at }));
      await pass(5000);

      expect(tab.told).toEqual([]);
    }
  );

  it('takes the shortest run from the settings', async () => {
    const tab = new Tab();
    tab.queue.minimumRunSeconds = 0;

    tab.finished.emit(
      makeExecution(1, { finished_at: '2026-01-01T10:00:01Z' })
    );
    await pass(2100);

    expect(tab.told).toEqual([[1]]);
  });

  it('tells once when several tabs are open', async () => {
    const tabs = [new Tab(), new Tab(), new Tab()];

    tabs.forEach(tab => tab.finished.emit(makeExecution(1)));
    await pass(5000);

    expect(tabs.flatMap(tab => tab.told)).toEqual([[1]]);
  });

  it('keeps its news until a hidden page is seen again', async () => {
    const tab = new Tab();
    visibility = 'hidden';

    tab.finished.emit(makeExecution(1));
    await pass(10_000);
    expect(tab.told).toEqual([]);
    visibility = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(100);

    expect(tab.told).toEqual([[1]]);
  });
});
