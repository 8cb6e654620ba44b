import type { NotebookJSON } from '../../api/types';
import { OutputsModel } from '../../compare/outputsmodel';
import { makeRow } from './fakes';

/** Notebooks of a server, each later than the one before. */
class FakeClient {
  nAsked = 0;
  fails = false;

  getNotebook(): Promise<NotebookJSON> {
    this.nAsked += 1;
    return this.fails
      ? Promise.reject(new Error('not there'))
      : Promise.resolve({
          cells: [cell('a', 'always the same'), cell('b', `${this.nAsked}`)]
        } as unknown as NotebookJSON);
  }
}

function cell(id: string, text: string): object {
  const output = { output_type: 'stream', name: 'stdout', text };
  return { id, cell_type: 'code', source: id, outputs: [output] };
}

const settle = (): Promise<void> => jest.advanceTimersByTimeAsync(0);

let client: FakeClient;
let outputs: OutputsModel;

beforeEach(() => {
  jest.useFakeTimers();
  client = new FakeClient();
  outputs = new OutputsModel(client);
});

afterEach(() => {
  outputs.dispose();
  jest.useRealTimers();
});

describe('OutputsModel', () => {
  it('fetches what runs again with each row that is told anew', async () => {
    const row = makeRow(1, { status: 'running' });

    outputs.look(row);
    await settle();
    outputs.look(row);
    await settle();
    expect(client.nAsked).toBe(1);
    outputs.look({ ...row });
    await settle();

    expect(client.nAsked).toBe(2);
  });

  it('fetches what is over once', async () => {
    outputs.look(makeRow(1));
    await settle();
    outputs.look(makeRow(1));
    await settle();

    expect(client.nAsked).toBe(1);
  });

  it('shows what was there until the end is here', async () => {
    const row = makeRow(1, { status: 'running', duration_s: null });
    outputs.look(row);
    await settle();
    const before = outputs.find(row);

    const over = makeRow(1);
    outputs.look(over);
    expect(outputs.find(over)).toBe(before);
    await settle();

    expect(outputs.find(over)).not.toBe(before);
  });

  it('keeps the cells that are as they were', async () => {
    const row = makeRow(1, { status: 'running' });
    const cells = (): readonly object[] => {
      const found = outputs.find(row);
      return found.status === 'loaded' ? found.cells : [];
    };
    outputs.look(row);
    await settle();
    const [same, other] = cells();

    outputs.look({ ...row });
    await settle();

    expect(cells()[0]).toBe(same);
    expect(cells()[1]).not.toBe(other);
  });

  it('asks again for what did not come, when it is looked at then', async () => {
    let nTold = 0;
    outputs.changed.connect(() => {
      nTold += 1;
      outputs.look(makeRow(1));
    });
    client.fails = true;
    outputs.look(makeRow(1));
    await settle();
    expect(outputs.find(makeRow(1)).status).toBe('failed');
    expect(client.nAsked).toBe(1);

    client.fails = false;
    await jest.advanceTimersByTimeAsync(5000);

    expect(client.nAsked).toBe(2);
    expect(outputs.find(makeRow(1)).status).toBe('loaded');
    await jest.advanceTimersByTimeAsync(600_000);
    expect(nTold).toBe(3);
  });

  it('asks for what does not come less and less often', async () => {
    outputs.changed.connect(() => outputs.look(makeRow(1)));
    client.fails = true;

    outputs.look(makeRow(1));
    await jest.advanceTimersByTimeAsync(600_000);

    expect(client.nAsked).toBeLessThan(15);
  });

  it('keeps what was there when nothing newer comes', async () => {
    const row = makeRow(1, { status: 'running' });
    outputs.look(row);
    await settle();

    client.fails = true;
    outputs.look({ ...row });
    await settle();

    expect(outputs.find(row).status).toBe('loaded');
  });
});
