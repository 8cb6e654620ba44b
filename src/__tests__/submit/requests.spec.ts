import { RequestIds } from '../../submit/requests';

function makeIds(): { ids: RequestIds; wait: (ms: number) => void } {
  let now = 0;
  let count = 0;
  return {
    ids: new RequestIds({ now: () => now, makeId: () => `id-${++count}` }),
    wait: ms => {
      now += ms;
    }
  };
}

describe('RequestIds', () => {
  it('gives both clicks of a double click the same id', () => {
    const { ids, wait } = makeIds();

    const first = ids.take('a.ipynb', 'x');
    ids.close('a.ipynb', first);
    wait(300);

    expect(ids.take('a.ipynb', 'x')).toBe(first);
  });

  it('gives a click while the first is on the way the same id', () => {
    const { ids, wait } = makeIds();

    const first = ids.take('a.ipynb', 'x');
    wait(30_000);

    expect(ids.take('a.ipynb', 'x')).toBe(first);
  });

  it('gives a later click a new id', () => {
    const { ids, wait } = makeIds();

    const first = ids.take('a.ipynb', 'x');
    ids.close('a.ipynb', first);
    wait(1000);

    expect(ids.take('a.ipynb', 'x')).not.toBe(first);
  });

  it('gives a changed notebook a new id at once', () => {
    const { ids } = makeIds();

    expect(ids.take('a.ipynb', 'y')).not.toBe(ids.take('a.ipynb', 'x'));
  });

  it('keeps notebooks apart', () => {
    const { ids } = makeIds();

    expect(ids.take('b.ipynb', 'x')).not.toBe(ids.take('a.ipynb', 'x'));
  });
});
