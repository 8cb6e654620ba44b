import { nullTranslator } from '@jupyterlab/translation';

import { sizeLabel } from '../../model/sizes';
import {
  errorLine,
  madeByNotebook,
  parameterLabel,
  promptLabel,
  shortId
} from '../../viewer/words';

const trans = nullTranslator.load('jupyter_async_exec');

describe('sizeLabel', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [12_345, '12.3 kB'],
    [999_999, '1.0 MB'],
    [4_000_000_000, '4.0 GB']
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(sizeLabel(bytes)).toBe(text);
  });
});

describe('madeByNotebook', () => {
  const made = {
    name: 'models/best.ipynb',
    size_bytes: 1,
    media_type: 'application/x-ipynb+json',
    previewable: true
  };

  it('leaves the executed notebook out, and no other', () => {
    expect(madeByNotebook([{ ...made, name: 'train.ipynb' }, made])).toEqual([
      made
    ]);
    expect(madeByNotebook([])).toEqual([]);
  });
});

describe('parameterLabel', () => {
  it('writes text plainly and everything else as JSON', () => {
    expect(parameterLabel('lr', 0.01)).toBe('lr=0.01');
    expect(parameterLabel('name', 'a b')).toBe('name=a b');
    expect(parameterLabel('layers', [1, null])).toBe('layers=[1,null]');
  });
});

describe('shortId', () => {
  it('is the beginning of the id', () => {
    expect(shortId('0123456789abcdef')).toBe('0123456789');
  });
});

describe('errorLine', () => {
  const error = { cell_index: 6, ename: 'KeyError', evalue: "'label'" };
  const captured = [{ path: 'features.py', size_bytes: 1 }];

  it("names the user's own file and line", () => {
    const traceback = [
      'Cell In[7], line 1',
      'File /path/to/copy/features.py:12, in load(df)'
    ];

    expect(errorLine({ ...error, traceback }, captured, trans)).toBe(
      "in features.py, line 12: KeyError 'label'"
    );
  });

  it('names the cell by its position, as the sidebar does', () => {
    const traceback = ['Cell In[5], line 4'];

    expect(errorLine({ ...error, traceback }, captured, trans)).toBe(
      "in cell 7, line 4: KeyError 'label'"
    );
    expect(promptLabel({ ...error, traceback }, trans)).toBe(
      'Cell 7 of the notebook, [5]'
    );
  });

  it('names the line of the call when a function of another cell failed', () => {
    const traceback = ['Cell In[5], line 4', 'Cell In[2], line 9, in load(df)'];

    expect(errorLine({ ...error, traceback }, captured, trans)).toBe(
      "in cell 7, line 4: KeyError 'label'"
    );
  });

  it('falls back to the position of the cell', () => {
    expect(
      errorLine(
        { ...error, evalue: 'first\nsecond', traceback: [] },
        captured,
        trans
      )
    ).toBe('in cell 7: KeyError first');
  });
});
