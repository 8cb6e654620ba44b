import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';

import { ProblemError } from '../../api/problem';
import type { Execution, Submission, Sweep, SweepPlan } from '../../api/types';
import type { ICapture } from '../../submit/capture';
import { describeError, Submitter } from '../../submit/submitter';

const trans = nullTranslator.load('jupyter_async_exec');
const silence = (): Error =>
  new ServerConnection.NetworkError(new TypeError('no network'));
const refusal = (): Error =>
  new ProblemError(422, {
    message: 'There is no kernel named "julia" here.',
    reason: 'kernel_missing',
    details: {}
  });

function capture(source = 'print(1)'): ICapture {
  return {
    path: 'a.ipynb',
    notebook: {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [{ cell_type: 'raw', source, metadata: {} }]
    },
    kernelName: 'python3'
  };
}

/** A server that gives each answer once, and one execution per request id. */
class FakeServer {
  constructor(readonly answers: (Error | null | Promise<void>)[] = []) {}

  readonly received: Submission[] = [];
  readonly accepted: number[] = [];

  readonly submitter = new Submitter({
    client: {
      submit: submission => this._answer(submission),
      rerun: id => this._answer({ path: String(id) }),
      submitIfNew: async submission => ({
        accepted: await this._answer(submission)
      }),
      planSweep: async () => ({}) as SweepPlan,
      submitSweep: async () => ({}) as Sweep
    },
    accepted: execution => this.accepted.push(execution.number),
    wait: () => Promise.resolve(),
    timeoutMs: 50
  });

  private async _answer(submission: Submission): Promise<Execution> {
    this.received.push(submission);
    const answer = this.answers.shift();
    if (answer instanceof Error) {
      throw answer;
    }
    await answer;
    const ids = new Set(this.received.map(one => one.request_id));
    return { number: 41 + ids.size } as Execution;
  }
}

describe('Submitter', () => {
  it('makes one POST of a double click', async () => {
    const server = new FakeServer();

    const both = await Promise.all([
      server.submitter.submit(capture()),
      server.submitter.submit(capture())
    ]);

    expect(both[0]).toBe(both[1]);
    expect(server.received).toHaveLength(1);
  });

  it('makes one execution of a second click just after the answer', async () => {
    const server = new FakeServer();

    const first = await server.submitter.submit(capture());
    const second = await server.submitter.submit(capture());

    expect(second.number).toBe(first.number);
  });

  it('makes two executions of two clicks when the notebook was edited between', async () => {
    const server = new FakeServer();

    const first = await server.submitter.submit(capture());
    const second = await server.submitter.submit(capture('print(2)'));

    expect(second.number).not.toBe(first.number);
  });

  it('tries again under the same id when the line is broken', async () => {
    const server = new FakeServer([silence(), silence()]);

    await server.submitter.submit(capture());

    const ids = new Set(server.received.map(one => one.request_id));
    expect(server.received).toHaveLength(3);
    expect(ids.size).toBe(1);
    expect(server.accepted).toEqual([42]);
  });

  it('tries again under the same id when no answer comes', async () => {
    const server = new FakeServer([new Promise(() => undefined)]);

    await server.submitter.submit(capture());

    expect(server.received).toHaveLength(2);
    expect(server.received[0].request_id).toBe(server.received[1].request_id);
  });

  it('keeps the id for a later click when nobody knows what happened', async () => {
    const server = new FakeServer([silence(), silence(), silence()]);

    await expect(server.submitter.submit(capture())).rejects.toThrow();
    await server.submitter.submit(capture());

    expect(server.received[3].request_id).toBe(server.received[0].request_id);
  });

  it('does not try again what the server refuses', async () => {
    const server = new FakeServer([refusal()]);

    await expect(server.submitter.submit(capture())).rejects.toThrow('julia');

    expect(server.received).toHaveLength(1);
    expect(server.accepted).toEqual([]);
  });

  it('sends the kernel on the screen, and parameters only if there are any', async () => {
    const server = new FakeServer();

    await server.submitter.submit(capture(), {});
    await server.submitter.submit(capture(), { lr: 1 });

    expect(server.received[0]).toMatchObject({ kernel_name: 'python3' });
    expect(server.received[0]).not.toHaveProperty('parameters');
    expect(server.received[1]).toMatchObject({ parameters: { lr: 1 } });
  });
});

describe('describeError', () => {
  it("is the server's own sentence", () => {
    expect(describeError(refusal(), trans)).toBe(
      'There is no kernel named "julia" here.'
    );
  });

  it('says of silence that trying again is safe', () => {
    expect(describeError(silence(), trans)).toContain('will not run twice');
  });
});
