/** Send notebooks to the server so that a click is one execution, also on a bad line. */
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IExecutionsClient } from '../api/client';
import { ProblemError } from '../api/problem';
import type {
  Execution,
  Parameters,
  Submission,
  Sweep,
  SweepPlan
} from '../api/types';
import type { ICapture } from './capture';
import type { PlaceOptions } from './place';
import { RequestIds } from './requests';
import type { SweepWish } from './sweepform';

/** How long to wait before the second and the third try. */
const RETRY_DELAYS_MS = [500, 2000];

/** After which the answer is given up; the server may still be at work. */
const TIMEOUT_MS = 60_000;

/** The server has not answered in time. */
export class TimeoutError extends Error {
  constructor() {
    super('The server has not answered.');
    this.name = 'TimeoutError';
  }
}

/** Sends notebooks. */
export class Submitter {
  /** Create a submitter; all but the client is for tests. */
  constructor(options: Submitter.IOptions) {
    this._client = options.client;
    this._ids = options.ids ?? new RequestIds();
    this._accepted = options.accepted ?? (() => undefined);
    this._acceptedSweep = options.acceptedSweep ?? (() => undefined);
    this._wait =
      options.wait ?? (ms => new Promise(done => setTimeout(done, ms)));
    this._timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * Submit a notebook as it is in memory.
   *
   * @param capture - The notebook.
   * @param parameters - What differs from its defaults.
   * @param place - Where it runs, unless on this machine.
   * @returns The accepted execution; the same one for both clicks of a double click.
   * @throws `ProblemError` when the server refuses, `NetworkError` or
   *   `TimeoutError` when nobody knows.
   */
  submit(
    capture: ICapture,
    parameters: Parameters = {},
    place: PlaceOptions = {}
  ): Promise<Execution> {
    return this._submit({
      ...toBody(capture),
      ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
      ...(Object.keys(place).length > 0 ? { options: place } : {})
    });
  }

  /**
   * Submit a notebook, unless the same is known to have succeeded before.
   *
   * @param capture - The notebook.
   * @returns What was accepted, or what is the same.
   * @throws As `submit`.
   */
  async submitIfNew(
    capture: ICapture
  ): Promise<{ accepted: Execution } | { same: Execution }> {
    const body = toBody(capture);
    const execution = await this._once(
      capture.path,
      JSON.stringify(body),
      async request_id => {
        const answer = await this._client.submitIfNew({ ...body, request_id });
        if ('same' in answer) {
          this._same.add(answer.same);
          return answer.same;
        }
        return answer.accepted;
      }
    );
    return this._same.has(execution)
      ? { same: execution }
      : { accepted: execution };
  }

  /**
   * Say what many executions of a notebook would be.
   *
   * @param capture - The notebook.
   * @param wish - What varies.
   */
  planSweep(capture: ICapture, wish: SweepWish): Promise<SweepPlan> {
    return this._client.planSweep({ ...toBody(capture), ...wish });
  }

  /**
   * Submit many executions of a notebook.
   *
   * @param capture - The notebook.
   * @param wish - What varies.
   */
  async submitSweep(capture: ICapture, wish: SweepWish): Promise<Sweep> {
    const body = { ...toBody(capture), ...wish };
    const content = JSON.stringify(body);
    const request_id = this._ids.take(capture.path, content);
    const sweep = await this._try(() =>
      this._client.submitSweep({ ...body, request_id })
    );
    this._ids.close(capture.path, request_id);
    this._acceptedSweep(sweep);
    return sweep;
  }

  /**
   * Submit a saved notebook; the server reads it.
   *
   * @param path - Jupyter path.
   */
  submitFile(path: string): Promise<Execution> {
    return this._submit({ path });
  }

  /**
   * Run a snapshot again with other parameters.
   *
   * @param id - Full id of the execution.
   * @param parameters - What differs from the defaults of the notebook.
   * @param options - Where it runs, unless where it ran.
   */
  rerun(
    id: string,
    parameters: Parameters,
    options: PlaceOptions = {}
  ): Promise<Execution> {
    const rerun = { parameters, options };
    return this._once(id, JSON.stringify(rerun), request_id =>
      this._client.rerun(id, { ...rerun, request_id })
    );
  }

  private _submit(submission: Submission): Promise<Execution> {
    return this._once(submission.path, JSON.stringify(submission), request_id =>
      this._client.submit({ ...submission, request_id })
    );
  }

  private _once(
    key: string,
    content: string,
    send: (requestId: string) => Promise<Execution>
  ): Promise<Execution> {
    const id = this._ids.take(key, content);
    const known = this._open.get(id);
    if (known) {
      return known;
    }
    const answer = this._try(() => send(id))
      .then(execution => {
        this._ids.close(key, id);
        if (!this._same.has(execution)) {
          this._accepted(execution);
        }
        return execution;
      })
      .catch(error => {
        // A refusal is an answer; silence is none, and the id stays in use.
        if (!isSilence(error)) {
          this._ids.close(key, id);
        }
        throw error;
      })
      .finally(() => {
        this._open.delete(id);
      });
    this._open.set(id, answer);
    return answer;
  }

  private async _try<T>(send: () => Promise<T>): Promise<T> {
    for (const delay of RETRY_DELAYS_MS) {
      try {
        return await this._inTime(send());
      } catch (error) {
        if (!isSilence(error)) {
          throw error;
        }
        await this._wait(delay);
      }
    }
    return this._inTime(send());
  }

  private async _inTime<T>(answer: Promise<T>): Promise<T> {
    let timer: number | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = window.setTimeout(
        () => reject(new TimeoutError()),
        this._timeoutMs
      );
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      window.clearTimeout(timer);
    }
  }

  private _acceptedSweep: (sweep: Sweep) => void;
  private _client: Submitter.Client;
  private _ids: RequestIds;
  private _accepted: (execution: Execution) => void;
  /** Answers that are no news of an accepted execution. */
  private _same = new WeakSet<Execution>();
  private _wait: (ms: number) => Promise<void>;
  private _timeoutMs: number;
  private _open = new Map<string, Promise<Execution>>();
}

/** A namespace for `Submitter` statics. */
export namespace Submitter {
  /** The REST calls. */
  export type Client = Pick<
    IExecutionsClient,
    'planSweep' | 'rerun' | 'submit' | 'submitIfNew' | 'submitSweep'
  >;

  /** What a submitter needs. */
  export interface IOptions {
    /** The REST calls. */
    client: Client;
    /** Told of every accepted execution. */
    accepted?: (execution: Execution) => void;
    /** Told of every accepted sweep. */
    acceptedSweep?: (sweep: Sweep) => void;
    /** Makes the request ids. */
    ids?: RequestIds;
    /** Waits before another try. */
    wait?: (ms: number) => Promise<void>;
    /** How long to wait for an answer. */
    timeoutMs?: number;
  }
}

function toBody(
  capture: ICapture
): Pick<Submission, 'path' | 'notebook' | 'kernel_name'> {
  return {
    path: capture.path,
    notebook: { ...capture.notebook },
    kernel_name: capture.kernelName
  };
}

/**
 * Say in a sentence why a submission failed.
 *
 * @param error - What `submit` threw.
 * @param trans - The words.
 */
export function describeError(
  error: unknown,
  trans: TranslationBundle
): string {
  if (isSilence(error)) {
    return trans.__(
      'The Jupyter server does not answer. Try again when it does: what it may have accepted already will not run twice.'
    );
  }
  return error instanceof Error ? error.message : String(error);
}

/** Whether nobody knows if the submission has arrived. */
function isSilence(error: unknown): boolean {
  return (
    error instanceof TimeoutError ||
    error instanceof ServerConnection.NetworkError ||
    // What a proxy answers when the server behind it does not.
    (error instanceof ProblemError && [502, 504].includes(error.status))
  );
}
