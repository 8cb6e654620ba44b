import { nullTranslator } from '@jupyterlab/translation';

import { nothingNewLabel } from '../../submit/confirmation';
import { makeExecution } from '../fakes';

const trans = nullTranslator.load('');

describe('nothingNewLabel', () => {
  it('says how many ran already', () => {
    expect(nothingNewLabel({ n_reused: 17, then: [] }, trans)).toBe(
      'All 17 ran already; nothing new was started.'
    );
    expect(nothingNewLabel({ n_reused: 1, then: [] }, trans)).toBe(
      'It ran already; nothing new was started.'
    );
  });

  it('names who collects the results', () => {
    const then = [makeExecution(42, { status: 'queued' })];

    expect(nothingNewLabel({ n_reused: 2, then }, trans)).toBe(
      'All 2 ran already; nothing new was started. #42 collects the results.'
    );
  });
});
