import type { Backend } from '../../api/types';
import { PlaceForm } from '../../submit/place';

function make(name: string, fields: Partial<Backend> = {}): Backend {
  return {
    name,
    slots: 2,
    running: 0,
    resources: { memory_gb: 16 },
    problem: null,
    can_run: true,
    why_not: null,
    ...fields
  };
}

async function watched(
  last: string,
  ...backends: Backend[]
): Promise<PlaceForm> {
  const form = new PlaceForm({
    find: () => Promise.resolve(backends),
    last,
    resources: {}
  });
  await form.watch();
  form.stop();
  return form;
}

describe('PlaceForm', () => {
  it('shows nothing where there is but one place', async () => {
    const form = await watched('local', make('local'));

    expect(form.isShown).toBe(false);
    expect(form.options).toEqual({});
  });

  it('offers what can run the notebook, and begins with the last choice', async () => {
    const form = await watched(
      'gpu box',
      make('local'),
      make('gpu box'),
      make('slurm', { can_run: false, why_not: 'It is down.' })
    );

    expect(form.isShown).toBe(true);
    expect(form.able.map(({ name }) => name)).toEqual(['local', 'gpu box']);
    expect(form.unable.map(({ why_not }) => why_not)).toEqual(['It is down.']);
    expect(form.options).toEqual({ backend: 'gpu box' });
  });

  it('falls back to this machine when the last choice cannot run it', async () => {
    const form = await watched(
      'gpu box',
      make('local'),
      make('gpu box', { can_run: false })
    );

    expect(form.chosen).toBe('local');
    expect(form.options).toEqual({});
  });

  it('tells the server what was chosen', async () => {
    const form = await watched('local', make('local'), make('gpu box'));
    let n = 0;
    form.changed.connect(() => {
      n += 1;
    });

    form.choose('gpu box');

    expect(form.options).toEqual({ backend: 'gpu box' });
    expect(n).toBe(1);
  });

  it('takes what ran elsewhere back to this machine', async () => {
    const alone = await watched('local', make('local'));
    const form = await watched('gpu box', make('local'), make('gpu box'));

    form.choose('local');

    expect(form.whole).toEqual({ backend: 'local', resources: {} });
    expect(alone.whole).toEqual({});
  });

  it('asks for what is offered there, and not for more', async () => {
    const gpus = { resources: { GPU: 2, memory_gb: 64 } };
    const form = await watched('local', make('local'), make('gpu box', gpus));

    form.choose('gpu box');
    form.ask('GPU', 3);
    form.ask('memory_gb', 8);
    form.ask('memory_gb', null);

    expect(form.options).toEqual({ backend: 'gpu box', resources: { GPU: 2 } });
    form.choose('local');
    expect(form.options).toEqual({});
  });

  it('is shown on a machine with GPUs, though there is no other', async () => {
    const form = await watched(
      'local',
      make('local', { resources: { GPU: 1 } })
    );

    expect([form.isShown, form.hasSeveral]).toEqual([true, false]);
  });

  it('keeps what it knows when the server does not answer', async () => {
    const answers = [Promise.resolve([make('local'), make('gpu box')])];
    const form = new PlaceForm({
      find: () => answers.pop() ?? Promise.reject(new Error('no answer')),
      last: 'gpu box',
      resources: {}
    });

    await form.watch();
    await form.watch();
    form.stop();

    expect(form.chosen).toBe('gpu box');
  });
});
