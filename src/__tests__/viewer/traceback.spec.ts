import { innermostFrame, ownName } from '../../viewer/traceback';

const RED = '\u001b[0;31m';
const OFF = '\u001b[0m';

describe('innermostFrame', () => {
  it("finds the user's file below an installed package", () => {
    const frame = innermostFrame([
      `${RED}-----------------------------------${OFF}`,
      `${RED}KeyError${OFF}             Traceback (most recent call last)`,
      `Cell ${RED}In[3], line 1${OFF}\n${RED}----> 1${OFF} load(df)`,
      `File ${RED}~/project/features.py:12${OFF}, in load${RED}(df)${OFF}\n     10 def load(df):\n---> 12     return df["label"]`,
      'File /opt/venv/lib/python3.11/site-packages/pandas/core/frame.py:3807, in DataFrame.__getitem__(self, key)\n-> 3807 indexer',
      "KeyError: 'label'"
    ]);

    expect(frame).toEqual({
      file: '~/project/features.py',
      executionCount: null,
      line: 12
    });
  });

  it('finds the cell when all else is library', () => {
    const frame = innermostFrame([
      'Cell In[7], line 4\n      2 x\n----> 4 json.loads("{")',
      'File /usr/lib/python3.11/json/__init__.py:346, in loads(s)\n--> 346 return'
    ]);

    expect(frame).toEqual({ file: null, executionCount: 7, line: 4 });
  });

  it('finds the cell in which a function was defined', () => {
    const frame = innermostFrame([
      'Cell In[2], line 1\n----> 1 f()',
      'Cell In[1], line 2, in f()\n----> 2 1 / 0',
      'ZeroDivisionError: division by zero'
    ]);

    expect(frame).toEqual({ file: null, executionCount: 1, line: 2 });
  });

  it('reads IPython 8.0, which names the line in an arrow only', () => {
    const frame = innermostFrame([
      'Input In [5], in <cell line: 3>()\n      1 a\n----> 3 b'
    ]);

    expect(frame).toEqual({ file: null, executionCount: 5, line: 3 });
  });

  it('reads IPython 7', () => {
    const frame = innermostFrame([
      '<ipython-input-4-0123456789ab> in <module>\n----> 1 load()',
      '~/project/features.py in load(df)\n     11 \n---> 12     return df',
      '/opt/venv/lib/python3.8/site-packages/pandas/a.py in get(self)\n--> 99 x'
    ]);

    expect(frame).toEqual({
      file: '~/project/features.py',
      executionCount: null,
      line: 12
    });
  });

  it('reads a plain traceback of Python', () => {
    const frame = innermostFrame([
      'Traceback (most recent call last):',
      '  File "/tmp/ipykernel_77/1234567.py", line 1, in <module>\n    load()',
      '  File "/path/to/project/features.py", line 12, in load\n    x',
      "KeyError: 'label'"
    ]);

    expect(frame).toEqual({
      file: '/path/to/project/features.py',
      executionCount: null,
      line: 12
    });
  });

  it('reads the box that rich draws', () => {
    const frame = innermostFrame([
      [
        '╭───────────── Traceback (most recent call last) ──────────────╮',
        '│ in <module>:1                                                │',
        '│                                                              │',
        '│ ❱ 1 load()                                                   │',
        '│                                                              │',
        '│ /path/to/project/features.py:12 in load                      │',
        '│                                                              │',
        '│   11 def load():                                             │',
        '│ ❱ 12     raise KeyError("label")                             │',
        '╰──────────────────────────────────────────────────────────────╯',
        "KeyError: 'label'"
      ].join('\n')
    ]);

    expect(frame).toEqual({
      file: '/path/to/project/features.py',
      executionCount: null,
      line: 12
    });
  });

  it('finds the line of a SyntaxError in a cell and in a module', () => {
    expect(
      innermostFrame([
        '  Cell In[1], line 2\n    x = (\n        ^\nSyntaxError: was never closed'
      ])
    ).toEqual({ file: null, executionCount: 1, line: 2 });
    expect(
      innermostFrame([
        'Traceback (most recent call last):\n',
        '  Cell In[1], line 1\n    import broken\n',
        '  File /path/to/project/broken.py:3\n    def\n       ^\nSyntaxError: invalid'
      ])
    ).toEqual({
      file: '/path/to/project/broken.py',
      executionCount: null,
      line: 3
    });
  });

  it('passes over code without a file and frozen modules', () => {
    const frame = innermostFrame([
      'Cell In[1], line 1',
      'File <frozen importlib._bootstrap>:1027, in _find_and_load(name)',
      'File <__array_function__ internals>:200, in dot(*args)',
      'File "<string>", line 1'
    ]);

    expect(frame).toEqual({ file: null, executionCount: 1, line: 1 });
  });

  it('takes the last of two chained errors', () => {
    const frame = innermostFrame([
      'File ~/project/a.py:1, in a()\n----> 1 x',
      'During handling of the above exception, another exception occurred:\n',
      'File ~/project/b.py:2, in b()\n----> 2 y'
    ]);

    expect(frame?.file).toBe('~/project/b.py');
  });

  it('gives up on what it does not know', () => {
    expect(innermostFrame([])).toBeNull();
    expect(innermostFrame(['Error in f(): object not found'])).toBeNull();
  });
});

describe('ownName', () => {
  it('is the captured path, wherever the working directory lies', () => {
    expect(
      ownName('/path/to/copy/lib/features.py', [
        'features.py',
        'lib/features.py'
      ])
    ).toBe('lib/features.py');
  });

  it('is the last part of a path that was not captured', () => {
    expect(ownName('~\\project\\features.py', [])).toBe('features.py');
  });
});
