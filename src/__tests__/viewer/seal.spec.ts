import { isSealed } from '../../viewer/seal';

describe('isSealed', () => {
  it('knows the cells of a result, with and without parameters', () => {
    expect(isSealed(['cell-0', 'cell-1', 'cell-2'])).toBe(true);
    expect(isSealed(['cell-0', 'injected-5c1c0292', 'cell-1'])).toBe(true);
    expect(isSealed(['cell-0', 'injected-5c1c0292', 'cell-2'])).toBe(true);
    expect(isSealed([])).toBe(true);
  });

  it('notices an inserted, a moved and a removed cell', () => {
    expect(isSealed(['cell-0', 'b1946ac9', 'cell-1'])).toBe(false);
    expect(isSealed(['cell-1', 'cell-0'])).toBe(false);
    expect(isSealed(['cell-0', 'cell-2'])).toBe(false);
  });
});
