import { ExecutionsModel } from '../../model/executions';
import type { Execution, SweepSummary } from '../../api/types';
import { FakeServer, makeExecution, makeRunning } from '../fakes';

/** Longer than news is gathered. */
const GATHERED_MS = 1200;

const SWEEP = 's'.repeat(32);

let server: FakeServer;
let model: ExecutionsModel;
let over: SweepSummary[];

const member = (number: number, fields: Partial<Execution> = {}): Execution =>
  makeExecution(number, { sweep_id: SWEEP, ...fields });

const running = (number: number): Execution =>
  makeRunning(number, { sweep_id: SWEEP });

async function start(...executions: Execution[]): Promise<void> {
  server = new FakeServer(executions);
  model = new ExecutionsModel({
    client: server.client.asClient,
    events: server.stream
  });
  over = [];
  model.sweeps.over.connect((_, sweep) => over.push(sweep));
  await jest.advanceTimersByTimeAsync(10);
  await model.ready;
  // Let the first event be heard, after which the revision is known.
  server.emit(makeRunning(999), { deleted: true });
  await jest.advanceTimersByTimeAsync(GATHERED_MS);
  server.client.calls.length = 0;
}

/** What shows: numbers, a sweep as its first and last, `>` below its row. */
function shown(): string[] {
  const { executions } = model;
  return Array.from({ length: executions.length }, (_, position) => {
    const { execution, number, sweep, within } = executions.at(position);
    return sweep !== null
      ? `${sweep.first_number}–${sweep.last_number}`
      : `${within === null ? '' : '>'}${execution?.number ?? `?${number}`}`;
  });
}

beforeEach(() => jest.useFakeTimers());

afterEach(() => {
  model.dispose();
  jest.useRealTimers();
});

describe('ExecutionsModel, sweeps', () => {
  it('asks about a sweep again soon when the answer failed', async () => {
    await start(running(1), member(2));
    server.client.failure = new Error('no server');
    server.change(member(1));
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    server.client.failure = null;
    await jest.advanceTimersByTimeAsync(4000);

    expect(over.map(({ id }) => id)).toEqual([SWEEP]);
  });

  it('lists a sweep as one row', async () => {
    await start(makeExecution(1), member(2), member(3), makeExecution(4));

    expect(shown()).toEqual(['4', '2–3', '1']);
  });

  it('lists its executions below its row while it is open, first ones first', async () => {
    await start(makeExecution(1), member(2), member(3), makeExecution(4));

    model.sweeps.setOpen(SWEEP, true);
    await jest.advanceTimersByTimeAsync(10);

    expect(shown()).toEqual(['4', '2–3', '>2', '>3', '1']);
    const { executions } = model;
    expect(executions.positionOf(3, SWEEP)).toBe(3);
    expect(executions.positionOf(2)).toBe(1);
    expect(executions.positionOf(1)).toBe(4);
    const { revision } = executions;
    model.sweeps.setOpen(SWEEP, false);
    expect(shown()).toEqual(['4', '2–3', '1']);
    expect(model.executions.revision).toBeGreaterThan(revision);
    expect(model.executions.positionOf(3, SWEEP)).toBe(1);
  });

  it('opens a long sweep at once and fetches what is looked at', async () => {
    const many = Array.from({ length: 500 }, (_, i) => member(i + 1));
    await start(...many, makeExecution(501));

    model.sweeps.setOpen(SWEEP, true);
    expect(model.executions.length).toBe(502);
    await jest.advanceTimersByTimeAsync(10);
    model.look(2, 22);
    await jest.advanceTimersByTimeAsync(200);

    const top = shown();
    expect(top.slice(0, 3)).toEqual(['501', '1–500', '>1']);
    expect(top[21]).toBe('>20');
    expect(server.client.calls.length).toBeLessThan(8);
  });

  it('finds single executions of a search one by one', async () => {
    await start(makeExecution(1), member(2), member(3));

    model.filter = { ...model.filter, q: 'title' };
    await jest.advanceTimersByTimeAsync(10);

    expect(shown()).toEqual(['3', '2', '1']);
    model.filter = { ...model.filter, q: '' };
    expect(shown()).toEqual(['2–3', '1']);
  });

  it('asks where a sweep stands, and for none of its executions', async () => {
    await start(running(1), running(2), running(3));

    for (const number of [1, 2]) {
      server.change(member(number));
    }
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    const { calls } = server.client;
    expect(calls.filter(call => call.startsWith('sweeps'))).toHaveLength(1);
    expect(calls.length).toBeLessThan(5);
    expect(model.sweeps.find(SWEEP)?.counts.succeeded).toBe(2);
    expect(over).toEqual([]);
  });

  it('asks about a sweep of hundreds about once a second', async () => {
    await start(...Array.from({ length: 300 }, (_, i) => running(i + 1)));

    for (let number = 2; number <= 201; number++) {
      server.change(member(number));
      await jest.advanceTimersByTimeAsync(50);
    }

    expect(server.client.calls.length).toBeLessThan(20);
  });

  it('tells once that a sweep is over, and again when it has grown', async () => {
    await start(running(1), running(2));

    server.change(member(1));
    server.change(member(2, { status: 'failed' }));
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    expect(over.map(sweep => sweep.status)).toEqual(['failed']);
    server.change(running(3));
    await jest.advanceTimersByTimeAsync(GATHERED_MS);
    server.change(member(3));
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    expect(over).toHaveLength(2);
  });

  it('shows a sweep that somebody else submits, in one row', async () => {
    await start(makeExecution(1));

    for (const number of [2, 3, 4]) {
      server.change(running(number));
    }
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    expect(shown()).toEqual(['2–4', '1']);
  });

  it('keeps the row of a sweep whose first execution is deleted', async () => {
    await start(makeExecution(1), member(2), member(3));
    model.sweeps.setOpen(SWEEP, true);
    await jest.advanceTimersByTimeAsync(10);

    const removal = model.remove(member(2).id);
    await removal;
    server.emit(member(2), { deleted: true });
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    expect(shown()).toEqual(['3–3', '>3', '1']);
  });

  it('removes a sweep at once, and for good', async () => {
    await start(makeExecution(1), member(2), member(3));

    const removal = model.sweeps.remove(SWEEP);
    expect(shown()).toEqual(['1']);
    await removal;
    server.emit(member(2), { deleted: true });
    server.emit(member(3), { deleted: true });
    await jest.advanceTimersByTimeAsync(GATHERED_MS);

    expect(shown()).toEqual(['1']);
  });
});
