/**
 * Fetches executions by number, many with one request.
 */
import type { IExecutionsClient } from '../api/client';
import { ProblemError } from '../api/problem';
import type { Execution } from '../api/types';
import { PAGE_SIZE } from './executionlist';

/** What becomes of the answers. */
export interface IAnswers {
  /** Here it is. */
  learn(execution: Execution): void;

  /** There is none, or it is in the trash. */
  gone(id: string): void;
}

/**
 * Fetch executions; those whose numbers are close come with one request.
 *
 * @param client - the REST calls.
 * @param wanted - ids by number.
 * @param answers - what becomes of each.
 *
 * #### Notes
 * Rejects when the server cannot be asked; the rest is not fetched then.
 */
export async function fetchExecutions(
  client: IExecutionsClient,
  wanted: ReadonlyMap<number, string>,
  answers: IAnswers
): Promise<void> {
  const numbers = [...wanted.keys()].sort((a, b) => b - a);
  while (numbers.length > 0) {
    const newest = numbers[0];
    const end = numbers.findIndex(number => number <= newest - PAGE_SIZE);
    const piece = numbers.splice(0, end === -1 ? numbers.length : end);
    const ids = piece.map(number => wanted.get(number) ?? '');
    if (ids.length === 1) {
      await fetchOne(client, ids[0], answers);
      continue;
    }
    const { executions } = await client.list({
      cursor: String(newest + 1),
      limit: newest - piece[piece.length - 1] + 1
    });
    const found = new Map(executions.map(row => [row.id, row]));
    for (const id of ids) {
      const execution = found.get(id);
      if (execution === undefined) {
        answers.gone(id);
      } else {
        answers.learn(execution);
      }
    }
  }
}

async function fetchOne(
  client: IExecutionsClient,
  id: string,
  { gone, learn }: IAnswers
): Promise<void> {
  try {
    learn(await client.get(id));
  } catch (error) {
    if (!(error instanceof ProblemError && error.status === 404)) {
      throw error;
    }
    gone(id);
  }
}
