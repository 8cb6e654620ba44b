/**
 * What the server says when it refuses.
 */
import type { Problem } from './types';

/** The server refused; `message` is a sentence for people. */
export class ProblemError extends Error {
  /**
   * @param status - the HTTP status.
   * @param problem - the body of the answer.
   */
  constructor(
    readonly status: number,
    problem: Problem
  ) {
    super(problem.message);
    this.name = 'ProblemError';
    this.reason = problem.reason;
    this.details = problem.details;
  }

  /** Machine-readable kind, such as `kernel_missing`. */
  readonly reason: string;

  /** Facts that belong to the reason. */
  readonly details: Problem['details'];
}

/**
 * Read why a request was refused.
 *
 * @param response - the answer.
 *
 * #### Notes
 * Proxies in between answer with pages of their own, hence the fallback.
 */
export async function readProblem(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    if (typeof body.message === 'string') {
      return {
        message: body.message,
        reason: body.reason ?? 'unknown',
        details: body.details ?? {}
      };
    }
  } catch {
    // Not JSON: the status line has to do.
  }
  return {
    message: `${response.status} ${response.statusText}`,
    reason: 'unknown',
    details: {}
  };
}
