import { ExecutionsModel } from '../../model/executions';
import { UnseenModel } from '../../model/unseen';
import { FakeServer, makeExecution, makeRunning } from '../fakes';

let server: FakeServer;
let model: ExecutionsModel;
let unseen: UnseenModel;
let stored: Map<string, string>;
let onScreen: string | null;

const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value)
};

async function start(): Promise<void> {
  model = new ExecutionsModel({
    client: server.client.asClient,
    events: server.stream
  });
  unseen = new UnseenModel({
    model,
    storage,
    key: 'seen',
    isOnScreen: id => id === onScreen
  });
  await jest.advanceTimersByTimeAsync(10);
}

async function finish(number: number): Promise<void> {
  server.change(makeExecution(number));
  await jest.advanceTimersByTimeAsync(150);
}

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse('2026-01-01T10:00:30Z') });
  stored = new Map();
  onScreen = null;
  server = new FakeServer([makeRunning(1), makeRunning(2)]);
});

afterEach(() => {
  unseen.dispose();
  model.dispose();
  jest.useRealTimers();
});

describe('UnseenModel', () => {
  it('counts what ends until it is looked at', async () => {
    await start();

    await finish(1);
    await finish(2);
    expect(unseen.count).toBe(2);
    unseen.look();

    expect(unseen.count).toBe(0);
  });

  it('does not count what is on the screen', async () => {
    await start();
    onScreen = makeExecution(1).id;

    await finish(1);

    expect(unseen.count).toBe(0);
  });

  it('counts nothing on the first visit', async () => {
    server.put(makeExecution(3));

    await start();

    expect(unseen.count).toBe(0);
    expect(unseen.away).toEqual([]);
  });

  it('tells what ended while the page was closed', async () => {
    stored.set('seen', String(Date.parse('2026-01-01T09:00:00Z')));
    server.put(makeExecution(3));
    server.put(makeExecution(4, { finished_at: '2025-12-31T10:00:00Z' }));

    await start();

    expect(unseen.count).toBe(1);
    expect(unseen.away.map(({ number }) => number)).toEqual([3]);
  });

  it('counts no more what another tab has looked at', async () => {
    await start();
    await finish(1);

    window.dispatchEvent(
      new StorageEvent('storage', {
        key: 'seen',
        newValue: String(Date.parse('2026-01-01T11:00:00Z'))
      })
    );

    expect(unseen.count).toBe(0);
  });
});
