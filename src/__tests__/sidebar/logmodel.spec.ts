import { LogModel } from '../../sidebar/logmodel';
import { FakeServer } from '../fakes';

let server: FakeServer;
let isRead: boolean;
let log: LogModel;

function open(): void {
  log = new LogModel({
    id: '1',
    client: server.client.asClient,
    isRead: () => isRead
  });
}

beforeEach(() => {
  jest.useFakeTimers();
  server = new FakeServer();
  isRead = true;
});

afterEach(() => {
  log.dispose();
  jest.useRealTimers();
});

describe('LogModel', () => {
  it('begins with the end and goes on where it stopped', async () => {
    server.client.log = 'one\n';
    open();
    await jest.advanceTimersByTimeAsync(10);
    server.client.log += 'two\n';

    await jest.advanceTimersByTimeAsync(1000);

    expect(log.text).toBe('one\ntwo\n');
    expect(server.client.calls).toEqual(['log -65536', 'log 4']);
  });

  it('asks at most once a second', async () => {
    open();

    await jest.advanceTimersByTimeAsync(5500);

    expect(server.client.calls.length).toBeLessThanOrEqual(6);
  });

  it('asks nothing while nobody looks', async () => {
    isRead = false;
    open();

    await jest.advanceTimersByTimeAsync(5000);

    expect(server.client.calls).toEqual([]);
  });

  it('stops when it is closed', async () => {
    open();
    await jest.advanceTimersByTimeAsync(10);

    log.dispose();
    await jest.advanceTimersByTimeAsync(5000);

    expect(server.client.calls).toHaveLength(1);
  });

  it('leaves out the colours of terminals', async () => {
    server.client.log = '\u001b[31mred\u001b[0m';
    open();

    await jest.advanceTimersByTimeAsync(10);

    expect(log.text).toBe('red');
  });
});
