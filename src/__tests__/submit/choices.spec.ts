import { nullTranslator } from '@jupyterlab/translation';

import type { Parameter } from '../../api/types';
import { fillForm, makeSchema, readForm } from '../../submit/formschema';

const trans = nullTranslator.load('jupyter_async_exec');

function make(fields: Partial<Parameter>): Parameter {
  return {
    name: 'x',
    type: 'str',
    default: 'relu',
    required: false,
    comment: '',
    annotation: null,
    ...fields
  };
}

const relu = make({
  choices: ['relu', 'tanh'],
  wanted: 'one of "relu", "tanh"'
});
const share = make({
  type: 'float',
  default: 0.1,
  minimum: 0,
  maximum: 1,
  exclusive_minimum: true,
  wanted: 'a number above 0 and at most 1'
});

describe('choices', () => {
  it('are offered in a list', () => {
    const { schema, uiSchema } = makeSchema([relu], trans);

    expect(uiSchema.p0['ui:widget']).toBe('choice');
    expect(schema.properties).toMatchObject({
      p0: { enum: ['relu', 'tanh'] }
    });
    expect(uiSchema.p0['ui:enumNames']).toEqual(['relu', 'tanh']);
  });

  it.each([
    [{ default: null, required: true }, ['relu', 'tanh', '']],
    [{ default: 'elu' }, ['elu', 'relu', 'tanh']],
    [{ default: null, nullable: true }, ['relu', 'tanh', '']]
  ])('have the default among them: %j', (fields, offered) => {
    const { schema } = makeSchema([{ ...relu, ...fields }], trans);

    expect(schema.properties).toMatchObject({ p0: { enum: offered } });
  });

  it('are read back as the values they stand for', () => {
    const rate = make({
      type: 'float',
      default: 0.001,
      default_source: '1e-3',
      choices: [0.001, 0.1]
    });

    const { schema } = makeSchema([rate], trans);

    expect(schema.properties).toMatchObject({ p0: { enum: ['1e-3', '0.1'] } });
    expect(readForm([rate], { p0: '0.1' }, [], trans).changed).toEqual({
      x: 0.1
    });
    expect(readForm([rate], { p0: '1e-3' }, [], trans).changed).toEqual({});
  });

  it('pass over a value that is not offered any more', () => {
    expect(fillForm([relu], { x: 'tanh' })).toEqual({ p0: 'tanh' });
    expect(fillForm([relu], { x: 'gelu' })).toEqual({ p0: 'relu' });
  });
});

describe('ranges', () => {
  it.each(['0', '1.5', '-1'])('refuse %s with what is allowed', text => {
    const { problems } = readForm([share], { p0: text }, [], trans);

    expect(problems).toEqual({
      p0: 'This must be a number above 0 and at most 1.'
    });
  });

  it.each(['1', '0.5'])('take %s', text => {
    const { changed, problems } = readForm([share], { p0: text }, [], trans);

    expect(problems).toEqual({});
    expect(changed).toEqual({ x: Number(text) });
  });

  it('never refuse the default', () => {
    const { problems } = readForm(
      [{ ...share, default: 0 }],
      { p0: '0' },
      [],
      trans
    );

    expect(problems).toEqual({});
  });
});
