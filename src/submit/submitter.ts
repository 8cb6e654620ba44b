/** Send notebooks to the server so that a click is one execution, also on a bad line. */
import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IExecutionsClient } from '../api/client';
import { ProblemError } from '../api/client';
import type { Execution, Parameters, Submission } from '../api/types';
import type { ICapture } from './capture';
import { RequestIds } from './requests';

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
    this._wait =
      options.wait ?? (ms => new Promise(done => setTimeout(done, ms)));
    this._timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /**
   * Submit a notebook as it is in memory.
   *
   * @param capture - The notebook.
   * @param parameters - What differs from its defaults.
   * @returns The accepted execution; the same one for both clicks of a double click.
   * @throws `ProblemError` when the server refuses, `NetworkError` or
   *   `TimeoutError` when nobody knows.
   */
  submit(capture: ICapture, parameters?: Parameters): Promise<Execution> {
    return this._submit({
      path: capture.path,
      notebook: { ...capture.notebook },
      kernel_name: capture.kernelName,
      ...(parameters && Object.keys(parameters).length > 0
        ? { parameters }
        : {})
    });
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
   */
  rerun(id: string, parameters: Parameters): Promise<Execution> {
    return this._once(id, JSON.stringify(parameters), request_id =>
      this._client.rerun(id, { parameters, request_id })
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
        this._accepted(execution);
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

  private async _try(send: () => Promise<Execution>): Promise<Execution> {
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

  private async _inTime(answer: Promise<Execution>): Promise<Execution> {
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

  private _client: Pick<IExecutionsClient, 'submit' | 'rerun'>;
  private _ids: RequestIds;
  private _accepted: (execution: Execution) => void;
  private _wait: (ms: number) => Promise<void>;
  private _timeoutMs: number;
  private _open = new Map<string, Promise<Execution>>();
}

/** A namespace for `Submitter` statics. */
export namespace Submitter {
  /** What a submitter needs. */
  export interface IOptions {
    /** The REST calls. */
    client: Pick<IExecutionsClient, 'submit' | 'rerun'>;
    /** Told of every accepted execution. */
    accepted?: (execution: Execution) => void;
    /** Makes the request ids. */
    ids?: RequestIds;
    /** Waits before another try. */
    wait?: (ms: number) => Promise<void>;
    /** How long to wait for an answer. */
    timeoutMs?: number;
  }
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
