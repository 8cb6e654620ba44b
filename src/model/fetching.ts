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
 * @param wanted - ids by number; what is answered is taken out.
 * @param answers - what becomes of each.
 *
 * #### Notes
 * Rejects when anything is not answered: at once when the server is away, and
 * else after the rest.
 */
export async function fetchExecutions(
  client: IExecutionsClient,
  wanted: Map<number, string>,
  answers: IAnswers
): Promise<void> {
  const numbers = [...wanted.keys()].sort((a, b) => b - a);
  let refusal: ProblemError | null = null;
  while (numbers.length > 0) {
    const oldest = numbers[0] - PAGE_SIZE;
    const end = numbers.findIndex(number => number <= oldest);
    const piece = numbers.splice(0, end === -1 ? numbers.length : end);
    const ids = piece.map(number => wanted.get(number) ?? '');
    try {
      await (ids.length === 1
        ? fetchOne(client, ids[0], answers)
        : fetchMany(client, piece, ids, answers));
      piece.forEach(number => wanted.delete(number));
    } catch (error) {
      if (!(error instanceof ProblemError)) {
        throw error;
      }
      refusal ??= error;
    }
  }
  if (refusal !== null) {
    throw refusal;
  }
}

async function fetchMany(
  client: IExecutionsClient,
  numbers: readonly number[],
  ids: readonly string[],
  { gone, learn }: IAnswers
): Promise<void> {
  const newest = numbers[0];
  const { executions } = await client.list({
    cursor: String(newest + 1),
    limit: newest - numbers[numbers.length - 1] + 1
  });
  const found = new Map(executions.map(row => [row.id, row]));
  for (const id of ids) {
    const execution = found.get(id);
    if (execution === undefined) {
      gone(id);
    } else {
      learn(execution);
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
