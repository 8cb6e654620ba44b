import { filesOf } from '../../diffs/gitpatch';

const CHANGED = [
  'diff --git a/lib/my helper.py b/lib/my helper.py',
  'index 1111111..2222222 100644',
  '--- a/lib/my helper.py\t',
  '+++ b/lib/my helper.py\t',
  '@@ -1,2 +1,2 @@ def f():',
  ' x = 1',
  '-diff --git a/no b/no',
  '+y = 2',
  '\\ No newline at end of file',
  ''
].join('\n');

const NEW = [
  'diff --git "a/na\\"me.py" "b/na\\"me.py"',
  'new file mode 100644',
  'index 0000000..2222222',
  '--- /dev/null',
  '+++ "b/na\\"me.py"',
  '@@ -0,0 +1 @@',
  '+x',
  ''
].join('\n');

const GONE = [
  'diff --git a/plot.png b/plot.png',
  'deleted file mode 100644',
  'index 1111111..0000000',
  'Binary files a/plot.png and /dev/null differ',
  ''
].join('\n');

describe('filesOf', () => {
  it('takes nothing apart where nothing is', () => {
    expect(filesOf('')).toEqual([]);
  });

  it('gives each file its name and its lines', () => {
    const [first, second, third] = filesOf(CHANGED + NEW + GONE);

    expect(first).toMatchObject({
      path: 'lib/my helper.py',
      change: 'changed'
    });
    expect(first.lines).toEqual([
      '@@ -1,2 +1,2 @@ def f():',
      ' x = 1',
      '-diff --git a/no b/no',
      '+y = 2',
      '\\ No newline at end of file'
    ]);
    expect(second).toMatchObject({ path: 'na\\"me.py', change: 'added' });
    expect(third).toEqual({
      path: 'plot.png',
      change: 'removed',
      isText: false,
      lines: []
    });
  });

  it('reads what is there of a patch that was cut off', () => {
    const cut = CHANGED.slice(0, CHANGED.indexOf('+y'));

    expect(filesOf(cut)[0].lines).toHaveLength(3);
    expect(
      filesOf(NEW + CHANGED.slice(0, CHANGED.indexOf('@@')))
    ).toMatchObject([
      { change: 'added' },
      { path: 'lib/my helper.py', lines: [] }
    ]);
  });
});
