import { ExecutionLog, stripAnsi } from '../../model/executionlog';
import { FakeServer } from '../fakes';

let server: FakeServer;
let isRead: boolean;
let log: ExecutionLog;

beforeEach(() => {
  jest.useFakeTimers();
  server = new FakeServer();
  isRead = true;
  log = new ExecutionLog({
    id: '1',
    client: server.client.asClient,
    intervalMs: 1000,
    keptCharacters: 100_000,
    isRead: () => isRead
  });
});

afterEach(() => {
  log.dispose();
  jest.useRealTimers();
});

describe('ExecutionLog', () => {
  it('begins with the end and goes on where it stopped', async () => {
    server.client.log = 'one\n';
    log.start();
    await jest.advanceTimersByTimeAsync(10);
    server.client.log += 'two\n';

    await jest.advanceTimersByTimeAsync(1000);

    expect(log.text).toBe('one\ntwo\n');
    expect(server.client.calls).toEqual(['log -65536', 'log 4']);
  });

  it('asks at most once a second', async () => {
    log.start();

    await jest.advanceTimersByTimeAsync(5500);

    expect(server.client.calls.length).toBeLessThanOrEqual(6);
  });

  it('asks nothing while nobody looks', async () => {
    isRead = false;
    log.start();

    await jest.advanceTimersByTimeAsync(5000);

    expect(server.client.calls).toEqual([]);
  });

  it('stops when it is closed', async () => {
    log.start();
    await jest.advanceTimersByTimeAsync(10);

    log.dispose();
    await jest.advanceTimersByTimeAsync(5000);

    expect(server.client.calls).toHaveLength(1);
  });

  it('is asked for no more when it is complete', async () => {
    server.client.log = 'all\n';
    server.client.logIsComplete = true;
    log.start();

    await jest.advanceTimersByTimeAsync(5000);

    expect(log.isComplete).toBe(true);
    expect(server.client.calls).toEqual(['log -65536']);
  });

  it('says when the beginning is missing', async () => {
    server.client.log = 'x'.repeat(70_000);

    await log.fetch();

    expect(log.isCut).toBe(true);
    expect(log.text).toHaveLength(65_536);
  });

  it('keeps so much of a long one', async () => {
    server.client.log = 'x'.repeat(60_000);
    await log.fetch();
    server.client.log += 'y'.repeat(60_000);

    await log.fetch();

    expect(log.isCut).toBe(true);
    expect(log.text).toHaveLength(100_000);
    expect(log.text.endsWith('y')).toBe(true);
  });

  it('takes the same piece once, however many asked for it', async () => {
    server.client.log = 'one\n';
    await log.fetch();
    server.client.log += 'two\n';

    await Promise.all([log.fetch(), log.fetch()]);

    expect(log.text).toBe('one\ntwo\n');
  });

  it('leaves out the colours of terminals', async () => {
    server.client.log = '\u001b[31mred\u001b[0m';

    await log.fetch();

    expect(log.text).toBe('red');
  });
});

describe('stripAnsi', () => {
  it('removes colours and hyperlinks', () => {
    expect(stripAnsi('\u001b[0;31mKeyError\u001b[0m\u001b]8;;x\u0007')).toBe(
      'KeyError'
    );
  });
});
