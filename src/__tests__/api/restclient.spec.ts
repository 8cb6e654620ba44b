import { ServerConnection } from '@jupyterlab/services';

import { ExecutionsClient } from '../../api/restclient';

/** A network that went away and said nothing. */
const neverAnswers = (request: Request): Promise<Response> =>
  new Promise((_, reject) => {
    request.signal.addEventListener('abort', () =>
      reject(new TypeError('aborted'))
    );
  });

beforeEach(() => jest.useFakeTimers());

afterEach(() => jest.useRealTimers());

describe('ExecutionsClient', () => {
  it('does not wait for ever where a network went away silently', async () => {
    const client = new ExecutionsClient(
      ServerConnection.makeSettings({
        fetch: neverAnswers as typeof fetch
      })
    );
    const failures: unknown[] = [];
    const asked = Promise.all(
      [client.list(), client.get(1), client.listSweeps(['1'])].map(answer =>
        answer.catch(failure => failures.push(failure))
      )
    );

    await jest.advanceTimersByTimeAsync(61_000);
    await asked;

    expect(failures).toHaveLength(3);
  });
});
