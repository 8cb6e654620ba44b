import { nullTranslator } from '@jupyterlab/translation';

import type { Parameter, Parameters, Preset } from '../../api/types';
import { FormModel } from '../../submit/formmodel';
import { PresetsModel } from '../../submit/presets';

const trans = nullTranslator.load('jupyter_async_exec');

/** A server that keeps presets. */
class Shelf {
  kept = new Map<string, Parameters>();
  refuses = false;

  getPresets(): Promise<Preset[]> {
    return Promise.resolve(
      [...this.kept].map(([name, parameters]) => ({
        name,
        parameters,
        secrets: [],
        updated_at: '2026-11-21T00:00:00Z'
      }))
    );
  }

  setPreset(_path: string, name: string, values: Parameters): Promise<void> {
    if (this.refuses) {
      return Promise.reject(new Error('no room'));
    }
    this.kept.set(name, values);
    return Promise.resolve();
  }

  deletePreset(_path: string, name: string): Promise<void> {
    this.kept.delete(name);
    return Promise.resolve();
  }
}

function make(name: string, fields: Partial<Parameter> = {}): Parameter {
  return {
    name,
    type: 'int',
    default: 1,
    required: false,
    comment: '',
    annotation: null,
    ...fields
  };
}

function setUp(): { form: FormModel; presets: PresetsModel; shelf: Shelf } {
  const parameters = [
    make('n'),
    make('m'),
    make('token', { type: 'str', default: '' })
  ];
  const shelf = new Shelf();
  const form = new FormModel({
    list: { parameters, language: 'python', typed: true, cell_index: 0 },
    values: { n: 5 },
    submit: () => Promise.reject(new Error('not here')),
    trans
  });
  const presets = new PresetsModel({
    client: shelf,
    form,
    path: 'a.ipynb',
    notebook: {},
    secrets: ['token'],
    trans
  });
  return { form, presets, shelf };
}

async function save(presets: PresetsModel, name: string): Promise<void> {
  presets.draft = name;
  await presets.save();
}

describe('PresetsModel', () => {
  it('keeps what differs from the defaults, and no secret', async () => {
    const { form, presets, shelf } = setUp();
    form.data = { ...form.data, p2: 'sk-1234' };

    await save(presets, ' big ');

    expect(shelf.kept.get('big')).toEqual({ n: 5 });
    expect(presets.chosen?.name).toBe('big');
    expect(presets.draft).toBeNull();
  });

  it('puts the values of a preset in place of all that stands there', async () => {
    const { form, presets, shelf } = setUp();
    shelf.kept.set('other', { m: 7 });
    await presets.refresh();

    presets.apply('other');

    expect(form.values).toEqual({ m: 7 });
  });

  it('says why nothing was saved', async () => {
    const { form, presets, shelf } = setUp();

    await save(presets, ' ');
    const nameless = presets.message;
    form.data = { ...form.data, p0: 'x' };
    await save(presets, 'a');
    const wrong = presets.message;
    form.data = { ...form.data, p0: '2' };
    shelf.refuses = true;
    await save(presets, 'a');

    expect(nameless).toBe('Enter a name.');
    expect(wrong).toBe('Correct the values first.');
    expect(presets.message).not.toBeNull();
    expect(presets.draft).toBe('a');
    expect(shelf.kept.size).toBe(0);
  });

  it('says which preset would be replaced before it is', async () => {
    const { form, presets, shelf } = setUp();
    await save(presets, 'big');
    form.data = { ...form.data, p0: '6' };

    presets.draft = 'bi';
    const other = [presets.replaces, presets.message];
    presets.draft = 'big ';

    expect(other).toEqual([null, null]);
    expect(presets.replaces?.name).toBe('big');
    expect(presets.message).toBe('This replaces the preset “big”.');
    expect(shelf.kept.get('big')).toEqual({ n: 5 });
    await presets.save();
    expect(shelf.kept.get('big')).toEqual({ n: 6 });
    expect(presets.message).toBeNull();
  });

  it('forgets a preset and leaves the form alone', async () => {
    const { form, presets, shelf } = setUp();
    await save(presets, 'big');

    await presets.remove();

    expect(shelf.kept.size).toBe(0);
    expect(presets.chosen).toBeNull();
    expect(form.values).toEqual({ n: 5 });
  });
});
