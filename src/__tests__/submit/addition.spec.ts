import { nullTranslator } from '@jupyterlab/translation';

import type { Parameter, ParameterList } from '../../api/types';
import { readBegun, toAddition } from '../../submit/addition';
import { relativeTo } from '../../submit/browse';
import { planLabel, runLabel } from '../../submit/sweepoptions';

const trans = nullTranslator.load('jupyter_async_exec');

function make(name: string, fields: Partial<Parameter> = {}): Parameter {
  return {
    name,
    type: 'float',
    default: 1,
    required: false,
    comment: '',
    annotation: null,
    ...fields
  };
}

const LIST: ParameterList = {
  parameters: [make('lr'), make('n'), make('epochs')],
  language: 'python',
  typed: true,
  cell_index: 0
};

describe('toAddition', () => {
  const begun = readBegun({
    definition: {
      values: { lr: '0.1, 0.01' },
      table: [],
      parameters: { n: 3 }
    }
  });

  it('sends only the values while all else is as in the sweep', () => {
    const wish = { values: { lr: '0.03' }, parameters: { n: 3 } };

    expect(toAddition(wish, begun, LIST)).toEqual({ values: { lr: '0.03' } });
  });

  it('sends as one value what differs from the sweep', () => {
    const wish = {
      values: { lr: '0.03, 0.3' },
      mode: 'zip' as const,
      parameters: { epochs: 7 }
    };

    expect(toAddition(wish, begun, LIST)).toEqual({
      // `n` was taken back to the default of the notebook.
      values: { lr: '0.03, 0.3', epochs: [7], n: [1] },
      mode: 'zip'
    });
  });

  it('keeps what the form has no field for', () => {
    const undeclared = readBegun({
      definition: { values: { lr: '1, 2', other: [1, 2] } }
    });

    expect(toAddition({ values: { lr: '3' } }, undeclared, LIST)).toEqual({
      values: { lr: '3', other: [1, 2] }
    });
  });

  it('knows the columns of the table it began with', () => {
    const table = [{ lr: 1, n: 2 }];

    expect(readBegun({ definition: { table } }).columns).toEqual(['lr', 'n']);
  });
});

describe('the words of an addition', () => {
  it('says how many are new', () => {
    const plan = {
      count: 3,
      n_reused: 6,
      n_files: 0,
      n_new_files: 0,
      duration_s: 60,
      message: '',
      trials: []
    };

    expect(runLabel(plan, trans, true)).toBe('Add 3 executions');
    expect(runLabel(null, trans, true)).toBe('Add');
    expect(planLabel(plan, trans, true)).toBe(
      '6 are in the sweep already · about 60 s'
    );
  });
});

describe('relativeTo', () => {
  it.each([
    ['study', 'study/data/a.csv', 'data/a.csv'],
    ['study', 'data/a.csv', '../data/a.csv'],
    ['', 'data', 'data'],
    ['study', 'study', '.']
  ])('from %j to %j', (folder, path, relative) => {
    expect(relativeTo(folder, path)).toBe(relative);
  });
});
