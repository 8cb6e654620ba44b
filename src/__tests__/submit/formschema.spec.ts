import { nullTranslator } from '@jupyterlab/translation';

import type { Parameter, ParameterList } from '../../api/types';
import {
  allowsRows,
  describeDefaults,
  fillForm,
  fillRows,
  makeSchema,
  readForm
} from '../../submit/formschema';

const trans = nullTranslator.load('jupyter_async_exec');

function make(fields: Partial<Parameter>): Parameter {
  return {
    name: 'x',
    type: 'int',
    default: 1,
    required: false,
    comment: '',
    annotation: null,
    ...fields
  };
}

function makeList(fields: Partial<ParameterList>): ParameterList {
  return {
    parameters: [],
    language: 'python',
    typed: true,
    cell_index: 0,
    ...fields
  };
}

/** Read one field in which the user typed `text`. */
function read(
  parameter: Parameter,
  text: string | boolean
): ReturnType<typeof readForm> {
  return readForm([parameter], { p0: text }, [], trans);
}

describe('describeDefaults', () => {
  const nothing: Partial<Parameter> = { type: 'none', default: null };
  const computed: Partial<Parameter> = {
    computed: true,
    default_source: 'base * 2'
  };

  it.each([
    ['None', make(nothing)],
    ['base * 2', make(computed)],
    ['""', make({ type: 'str', default: '' })],
    [undefined, make({ required: true, default: null })],
    ['1', make({})]
  ])('says %s', (text, parameter) => {
    expect(describeDefaults([parameter], { p0: 'typed' }, trans)).toEqual({
      p0: text
    });
  });

  it('takes an empty field for unchanged', () => {
    expect(describeDefaults([make(nothing)], { p0: '' }, trans)).toEqual({
      p0: ''
    });
  });
});

describe('makeSchema', () => {
  it('hides what is typed for a secret', () => {
    const secret = make({ name: 'token', type: 'str', secret: true });

    const { uiSchema } = makeSchema([secret], trans);

    expect(uiSchema['p0']?.['ui:widget']).toBe('secret');
  });

  it('names a field after its parameter and describes it with its comment', () => {
    const parameter = make({
      name: 'learning_rate',
      comment: 'step size',
      type: 'float'
    });

    const { schema } = makeSchema([parameter], trans);

    expect(schema.properties).toEqual({
      p0: expect.objectContaining({ title: parameter.name, type: 'string' })
    });
    expect(schema.properties?.p0).toHaveProperty(
      'description',
      'step size (float)'
    );
  });

  it('asks for a bool with a checkbox and for a nullable one with a choice', () => {
    const { uiSchema } = makeSchema(
      [
        make({ type: 'bool', default: true }),
        make({ type: 'bool', default: null, nullable: true })
      ],
      trans
    );

    expect(uiSchema.p0['ui:widget']).toBe('checkbox');
    expect(uiSchema.p1['ui:widget']).toBe('choice');
  });

  it('shows a computed default as placeholder', () => {
    const { uiSchema } = makeSchema(
      [make({ computed: true, default: null, default_source: 'n * 2' })],
      trans
    );

    expect(uiSchema.p0['ui:placeholder']).toBe('n * 2');
  });
});

describe('fillForm', () => {
  it('shows numbers as the notebook writes them', () => {
    const rate = make({
      type: 'float',
      default: 0.001,
      default_source: '1e-3'
    });

    expect(fillForm([rate])).toEqual({ p0: '1e-3' });
  });

  it('shows the value used last in place of the default', () => {
    expect(fillForm([make({})], { x: 5 })).toEqual({ p0: '5' });
  });

  it('shows lists as JSON and leaves computed defaults empty', () => {
    const list = make({ type: 'list', default: [1, 2] });
    const computed = make({ type: 'any', computed: true, default: null });

    expect(fillForm([list, computed])).toEqual({ p0: '[1,2]', p1: '' });
  });
});

describe('readForm', () => {
  it('sends nothing when nothing differs from the default', () => {
    const parameters = [
      make({ name: 'a' }),
      make({ name: 'b', type: 'float', default: 0.001 }),
      make({ name: 'c', type: 'str', default: '' }),
      make({ name: 'd', type: 'dict', default: { k: [1] } }),
      make({ name: 'e', type: 'bool', default: false }),
      make({ name: 'f', type: 'none', default: null }),
      make({ name: 'g', type: 'str', default: '', nullable: true }),
      make({ name: 'h', type: 'any', computed: true, default: null }),
      make({ name: 'i', type: 'str', default: '"quoted"' }),
      make({ name: 'j', type: 'any', default: '12' })
    ];

    const reading = readForm(parameters, fillForm(parameters), [], trans);

    expect(reading.changed).toEqual({});
    expect(reading.problems).toEqual({});
    expect(reading.missing).toEqual({});
  });

  it('sends only what differs, under the name of the parameter', () => {
    const parameters = [make({ name: 'a' }), make({ name: 'learning_rate' })];

    const { changed } = readForm(parameters, { p0: '1', p1: '7' }, [], trans);

    expect(changed).toEqual({ learning_rate: 7 });
  });

  it.each(['1.5', 'ten', '1e3', '99999999999999999'])(
    'refuses %s as a whole number at its field',
    text => {
      expect(Object.keys(read(make({}), text).problems)).toEqual(['p0']);
    }
  );

  it.each([
    ['1e-3', 0.001],
    ['-.5', -0.5],
    ['1_000.0', 1000],
    ['2', 2]
  ])('reads %s as a number', (text, value) => {
    const parameter = make({ type: 'float', default: 0.5 });

    expect(read(parameter, text).changed).toEqual({ x: value });
  });

  it.each(['1,5', 'inf', '', '0x10'])('refuses %j as a number', text => {
    const parameter = make({ type: 'float', default: 0.5 });

    expect(Object.keys(read(parameter, text).problems)).toEqual(['p0']);
  });

  it('refuses broken JSON and JSON of another shape', () => {
    const list = make({ type: 'list', default: [] });

    expect(read(list, '[1,').problems).toHaveProperty('p0');
    expect(read(list, '{"a": 1}').problems).toHaveProperty('p0');
    expect(read(list, '[1]').changed).toEqual({ x: [1] });
  });

  it('reads an empty or None field as null where None is allowed', () => {
    const parameter = make({ nullable: true });

    expect(read(parameter, '').changed).toEqual({ x: null });
    expect(read(parameter, 'None').changed).toEqual({ x: null });
    expect(read(make({}), 'None').problems).toHaveProperty('p0');
  });

  it('tells an empty text from None by its quotes', () => {
    const parameter = make({ type: 'str', default: null, nullable: true });

    expect(read(parameter, '""').changed).toEqual({ x: '' });
    expect(read(parameter, '').changed).toEqual({});
  });

  it('leaves a computed default out unless it is changed', () => {
    const parameter = make({ computed: true, default: null });

    expect(read(parameter, '').changed).toEqual({});
    expect(read(parameter, '3').changed).toEqual({ x: 3 });
  });

  it('says that a value is missing apart from what is wrong', () => {
    const reading = read(make({ required: true, default: null }), '');

    expect(reading.missing).toHaveProperty('p0');
    expect(reading.problems).toEqual({});
  });

  it('reads rows as JSON or else as text, and names doubled or nameless ones', () => {
    const reading = readForm(
      [],
      {},
      [
        { name: 'n', value: '3' },
        { name: 's', value: 'three' },
        { name: 'n', value: '4' },
        { name: '', value: 'x' },
        { name: '', value: '' }
      ],
      trans
    );

    expect(reading.changed).toEqual({ n: 3, s: 'three' });
    expect(Object.keys(reading.extraProblems)).toEqual(['2', '3']);
  });
});

describe('allowsRows', () => {
  it('is true for other languages and where nothing is declared', () => {
    const declared = [make({})];

    expect(allowsRows(makeList({ parameters: declared, typed: false }))).toBe(
      true
    );
    expect(allowsRows(makeList({ parameters: [] }))).toBe(true);
    expect(allowsRows(makeList({ parameters: declared }))).toBe(false);
  });
});

describe('fillRows', () => {
  it('shows values that nothing declares so that they read back the same', () => {
    const values = { x: 1, s: 'text', n: '12', l: [1] };

    const rows = fillRows(makeList({ parameters: [make({})] }), values);

    expect(readForm([], {}, rows, trans).changed).toEqual({
      s: 'text',
      n: '12',
      l: [1]
    });
  });
});
