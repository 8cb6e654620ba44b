import { ServerConnection } from '@jupyterlab/services';

import { EventSocket } from '../../api/eventsocket';

/** A connection that the test opens and breaks. */
class FakeSocket {
  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  static all: FakeSocket[] = [];

  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }

  onopen: () => void = () => undefined;
  onclose: () => void = () => undefined;
  onmessage: (message: { data: string }) => void = () => undefined;
  close = (): void => this.onclose();
}

let socket: EventSocket;
let nReconnected: number;

beforeEach(() => {
  jest.useFakeTimers();
  FakeSocket.all = [];
  nReconnected = 0;
  socket = new EventSocket(
    ServerConnection.makeSettings({
      wsUrl: 'ws://host/base/',
      WebSocket: FakeSocket as unknown as typeof WebSocket
    })
  );
  socket.reconnected.connect(() => (nReconnected += 1));
});

afterEach(() => {
  socket.dispose();
  jest.useRealTimers();
});

describe('EventSocket', () => {
  it('passes on what comes over the bus', () => {
    const received: unknown[] = [];
    socket.received.connect((_, event) => received.push(event));

    FakeSocket.last.onmessage({ data: '{"rev": 1}' });

    expect(FakeSocket.last.url).toBe('ws://host/base/api/events/subscribe');
    expect(received).toEqual([{ rev: 1 }]);
  });

  it('says nothing of the first connection', () => {
    FakeSocket.last.onopen();

    expect(nReconnected).toBe(0);
  });

  it('is back within 2 s of the server, and says so', () => {
    FakeSocket.last.onopen();
    FakeSocket.last.onclose();
    for (let second = 0; second < 20; second++) {
      jest.advanceTimersByTime(1000);
      FakeSocket.last.onclose();
    }
    const before = FakeSocket.all.length;

    jest.advanceTimersByTime(2000);
    FakeSocket.last.onopen();

    expect(FakeSocket.all.length).toBeGreaterThan(before);
    expect(nReconnected).toBe(1);
  });

  it('does not wait when the network comes back', () => {
    FakeSocket.last.onclose();

    window.dispatchEvent(new Event('online'));

    expect(FakeSocket.all).toHaveLength(2);
  });

  it('stays away once disposed', () => {
    socket.dispose();
    jest.advanceTimersByTime(60_000);

    expect(FakeSocket.all).toHaveLength(1);
  });
});
