import { artifactPath, parseResultPath, resultPath } from '../../viewer/paths';

const id = '0123456789abcdef0123456789abcdef';

function named(notebook_path: string): Parameters<typeof resultPath>[0] {
  return { id, number: 42, notebook_path };
}

describe('resultPath', () => {
  it('names the tab after number and notebook', () => {
    expect(resultPath(named('study/train.ipynb'))).toBe(
      `executions:${id}/42 train.ipynb`
    );
  });

  it('keeps source and result apart', () => {
    expect(resultPath(named('train.ipynb'), 'source')).toBe(
      `executions:${id}/source/42 train (source).ipynb`
    );
  });

  it.each([
    ['RTC:train.ipynb', '42 train.ipynb'],
    ['s3:data/train.ipynb', '42 train.ipynb'],
    ['100% #1?.ipynb', '42 100_ _1_.ipynb'],
    ['script.py', '42 script.py.ipynb'],
    ['', '42 notebook.ipynb']
  ])('makes a name for %j that every address can carry', (path, name) => {
    expect(resultPath(named(path))).toBe(`executions:${id}/${name}`);
  });
});

describe('parseResultPath', () => {
  it('understands what the others make', () => {
    const execution = named('source/train.ipynb');

    expect(parseResultPath(resultPath(execution))).toEqual({
      id,
      kind: 'output'
    });
    expect(parseResultPath(resultPath(execution, 'source'))).toEqual({
      id,
      kind: 'source'
    });
    expect(parseResultPath(artifactPath(id, 'plots/a.png'))).toEqual({
      id,
      kind: 'artifact'
    });
  });

  it.each(['train.ipynb', 'RTC:train.ipynb', 'executions/train.ipynb'])(
    'leaves %s alone',
    path => {
      expect(parseResultPath(path)).toBeNull();
    }
  );
});
