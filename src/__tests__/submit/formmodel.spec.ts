import { nullTranslator } from '@jupyterlab/translation';

import { ProblemError } from '../../api/problem';
import type { Execution, Parameter, Parameters } from '../../api/types';
import { FormModel } from '../../submit/formmodel';

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

function open(
  parameters: Parameter[],
  values: Parameters = {},
  answer: (changed: Parameters) => Execution = () => ({}) as Execution
): { model: FormModel; sent: Parameters[] } {
  const sent: Parameters[] = [];
  const model = new FormModel({
    list: { parameters, language: 'python', typed: true, cell_index: 0 },
    values,
    submit: async changed => {
      sent.push(changed);
      return answer(changed);
    },
    trans: nullTranslator.load('jupyter_async_exec')
  });
  return { model, sent };
}

function refuse(fields: Record<string, string>): () => Execution {
  return () => {
    throw new ProblemError(422, {
      message: 'Some parameters cannot be used.',
      reason: 'invalid_parameters',
      details: { fields }
    });
  };
}

describe('FormModel', () => {
  it('sends what differs from the defaults', async () => {
    const { model, sent } = open([make({ name: 'a' }), make({ name: 'b' })], {
      b: 2
    });

    await model.submit();

    expect(sent).toEqual([{ b: 2 }]);
    expect(model.execution).not.toBeNull();
  });

  it('asks again for a secret that was not kept', async () => {
    const secret = make({
      name: 'password',
      type: 'str',
      default: '',
      secret: true
    });
    const { model, sent } = open([secret], { password: '*** 0123abcd' });

    expect(model.data).toEqual({ p0: '' });
    expect(await model.submit()).toBe(false);
    expect(model.problems['p0']).toContain('enter it again');

    model.data = { p0: 'hunter22' };
    await model.submit();

    expect(sent).toEqual([{ password: 'hunter22' }]);
  });

  it.each(['reset', 'fill'] as const)(
    "does not ask for an earlier execution's secret after %s",
    async how => {
      const secret = make({ name: 'password', type: 'str', default: '' });
      const { model, sent } = open([secret, make({})], {
        password: '*** 0123abcd'
      });

      if (how === 'reset') {
        model.reset();
      } else {
        model.fill({ x: 5 });
      }

      expect(await model.submit()).toBe(true);
      expect(sent).toEqual([how === 'reset' ? {} : { x: 5 }]);
    }
  );

  it('sends nothing while a field is wrong, and says so at the field', async () => {
    const { model, sent } = open([make({})]);

    model.data = { p0: 'ten' };

    expect(Object.keys(model.problems)).toEqual(['p0']);
    expect(await model.submit()).toBe(false);
    expect(sent).toEqual([]);
  });

  it('asks for a missing value only after the first attempt', async () => {
    const { model } = open([make({ required: true, default: null })]);

    expect(model.problems).toEqual({});
    await model.submit();
    expect(Object.keys(model.problems)).toEqual(['p0']);
  });

  it("shows the server's sentence at its field until that is edited", async () => {
    const { model } = open(
      [make({ name: 'a' }), make({ name: 'b' })],
      {},
      refuse({ b: 'Not below 3.' })
    );

    expect(await model.submit()).toBe(false);

    expect(model.problems).toEqual({ p1: 'Not below 3.' });
    expect(model.message).toBeNull();
    model.data = { ...model.data, p1: '4' };
    expect(model.problems).toEqual({});
  });

  it('shows what belongs to no field on the form', async () => {
    const { model } = open([make({})], {}, refuse({ y: 'Unknown.' }));

    await model.submit();

    expect(model.message).toBe('Some parameters cannot be used.');
  });

  it('resets to the defaults', () => {
    const { model } = open([make({})], { x: 5 });

    expect(model.isModified).toBe(true);
    model.reset();
    expect(model.data).toEqual({ p0: '1' });
    expect(model.isModified).toBe(false);
  });
});
