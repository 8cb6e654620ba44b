import { Signal } from '@lumino/signaling';

import type { Execution, SweepSummary } from '../../api/types';
import { StoredClaims } from '../../notifiers/claims';
import { NoticeQueue } from '../../notifiers/queue';
import { NotifierRegistry } from '../../notifiers/registry';
import { SweepWatch } from '../../notifiers/sweeps';
import type { IExecutionsModel, ISweeps } from '../../tokens';
import { makeExecution, makeRunning, makeSweep } from '../fakes';

let stored: Map<string, string>;
let visibility: DocumentVisibilityState;

const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value)
};

/** A sweep of which some failed, and all are over. */
function ended(fields: Partial<SweepSummary> = {}): SweepSummary {
  const rows = [makeExecution(18), makeExecution(41, { status: 'failed' })];
  return makeSweep('f'.repeat(32), rows, fields);
}

/** A sweep in which something failed, and which goes on. */
function failing(): SweepSummary {
  const rows = [makeExecution(18, { status: 'failed' }), makeRunning(41)];
  return makeSweep('f'.repeat(32), rows);
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** One open tab. */
class Tab {
  constructor() {
    const sweeps = {} as unknown as ISweeps;
    this.changed = new Signal<ISweeps, SweepSummary>(sweeps);
    this.over = new Signal<ISweeps, SweepSummary>(sweeps);
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
        changed: this.changed,
        over: this.over,
        find: () => this.sweep
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
  readonly changed: Signal<ISweeps, SweepSummary>;
  readonly over: Signal<ISweeps, SweepSummary>;
  sweep = ended();
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

    tab.finished.emit(makeExecution(18, { sweep_id: tab.sweep.id }));
    await pass(5000);
    expect(tab.toldSweeps).toEqual([]);
    tab.over.emit(tab.sweep);
    await pass(5000);

    expect(tab.toldSweeps).toEqual([[18, 41]]);
    expect(tab.told).toEqual([]);
  });

  it('tells once that a sweep goes on in which something failed', async () => {
    const tab = new Tab();

    tab.sweep = failing();
    tab.changed.emit(tab.sweep);
    await pass(30_000);
    expect(tab.toldSweeps).toHaveLength(1);
    tab.sweep = ended();
    tab.changed.emit(tab.sweep);
    tab.over.emit(tab.sweep);
    await pass(30_000);

    expect(tab.toldSweeps).toHaveLength(2);
  });

  it('tells only of the end when that follows soon', async () => {
    const tab = new Tab();

    tab.sweep = failing();
    tab.changed.emit(tab.sweep);
    await pass(4000);
    tab.sweep = ended();
    tab.over.emit(tab.sweep);
    await pass(30_000);

    expect(tab.toldSweeps).toHaveLength(1);
  });

  it('tells of a sweep in one of two tabs, and again when it has grown', async () => {
    const [one, other] = [new Tab(), new Tab()];

    one.over.emit(one.sweep);
    other.over.emit(other.sweep);
    await pass(5000);
    expect([...one.toldSweeps, ...other.toldSweeps]).toEqual([[18, 41]]);
    one.over.emit(ended({ finished_at: '2026-01-01T10:09:00Z' }));
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
