import { keepPlace, lastPlace } from '../../submit/lastplace';

class FakeStorage {
  getItem(): string | null {
    return this.text;
  }

  setItem(_: string, text: string): void {
    if (this.isFull) {
      throw new Error('The quota has been exceeded.');
    }
    this.text = text;
  }

  text: string | null = null;

  isFull = false;
}

describe('the place that was chosen last', () => {
  it('is known for each notebook', () => {
    const store = new FakeStorage();

    keepPlace('a.ipynb', { backend: 'slurm', resources: { GPU: 1 } }, store);
    keepPlace('b.ipynb', { backend: 'local', resources: {} }, store);

    expect(lastPlace('a.ipynb', store)).toEqual({
      backend: 'slurm',
      resources: { GPU: 1 }
    });
    expect(lastPlace('b.ipynb', store).backend).toBe('local');
    expect(lastPlace('c.ipynb', store)).toEqual({});
  });

  it('is that of the last choice, for the notebooks used lately', () => {
    const store = new FakeStorage();

    for (let n = 0; n < 300; n++) {
      keepPlace(`${n}.ipynb`, { backend: 'local' }, store);
    }
    keepPlace('299.ipynb', { backend: 'slurm' }, store);

    expect(lastPlace('299.ipynb', store).backend).toBe('slurm');
    expect(lastPlace('0.ipynb', store)).toEqual({});
    expect(JSON.parse(store.text ?? '')).toHaveLength(200);
  });

  it('is not missed where nothing can be kept, or something else was', () => {
    const store = new FakeStorage();
    store.text = 'no JSON';
    store.isFull = true;

    keepPlace('a.ipynb', { backend: 'slurm' }, store);

    expect(lastPlace('a.ipynb', store)).toEqual({});
  });
});
