import type { ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookContent, IOutput } from '@jupyterlab/nbformat';
import { NotebookModel } from '@jupyterlab/notebook';

import { markRunning, patchNotebook } from '../../viewer/patch';

function code(
  id: string,
  outputs: IOutput[] = [],
  execution_count: number | null = null
): INotebookContent['cells'][number] {
  return {
    id,
    cell_type: 'code',
    source: id,
    metadata: { editable: false, deletable: false, trusted: false },
    outputs,
    execution_count
  };
}

function notebook(...cells: INotebookContent['cells']): INotebookContent {
  return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };
}

function stream(text: string | string[]): IOutput {
  return { output_type: 'stream', name: 'stdout', text };
}

function open(content: INotebookContent): NotebookModel {
  const model = new NotebookModel();
  model.fromJSON(content);
  model.dirty = false;
  return model;
}

function codeCell(model: NotebookModel, index: number): ICodeCellModel {
  return model.cells.get(index) as ICodeCellModel;
}

describe('patchNotebook', () => {
  // Yjs warns of cells that are filled before they join a document, as
  // JupyterLab's own shared models do.
  beforeEach(() => {
    jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('shows which cell runs, and that none does in the end', () => {
    const model = open(notebook(code('a'), code('b')));
    const states = (): string[] =>
      [0, 1].map(index => codeCell(model, index).executionState);

    markRunning(model, 1);
    expect(states()).toEqual(['idle', 'running']);

    markRunning(model, null);
    expect(states()).toEqual(['idle', 'idle']);
  });

  it('adds new outputs and leaves those that are there alone', () => {
    const model = open(notebook(code('a', [stream('1\n')], 1), code('b')));
    const first = codeCell(model, 0).outputs.get(0);

    const patched = patchNotebook(
      model,
      notebook(code('a', [stream(['1\n'])], 1), code('b', [stream('2\n')], 2))
    );

    expect(patched).toBe(true);
    expect(codeCell(model, 0).outputs.get(0)).toBe(first);
    expect(codeCell(model, 1).outputs.toJSON()).toMatchObject([
      { text: '2\n' }
    ]);
    expect(codeCell(model, 1).executionCount).toBe(2);
  });

  it('lets a stream grow', () => {
    const model = open(notebook(code('a', [stream('1\n')])));

    patchNotebook(model, notebook(code('a', [stream('1\n2\n')])));

    expect(codeCell(model, 0).outputs.toJSON()).toMatchObject([
      { text: '1\n2\n' }
    ]);
    expect(codeCell(model, 0).outputs.length).toBe(1);
  });

  it('takes back what the notebook cleared', () => {
    const model = open(notebook(code('a', [stream('1\n'), stream('2\n')])));

    patchNotebook(model, notebook(code('a')));

    expect(codeCell(model, 0).outputs.length).toBe(0);
  });

  it('inserts the cell with injected parameters', () => {
    const model = open(notebook(code('a'), code('b')));

    const patched = patchNotebook(
      model,
      notebook(code('a'), code('injected'), code('b'))
    );

    expect(patched).toBe(true);
    expect(Array.from(model.cells, cell => cell.id)).toEqual([
      'a',
      'injected',
      'b'
    ]);
  });

  it('changes nothing when cells are gone or have moved', () => {
    const model = open(notebook(code('a'), code('b')));

    expect(patchNotebook(model, notebook(code('b'), code('a')))).toBe(false);
    expect(patchNotebook(model, notebook(code('a')))).toBe(false);
    expect(model.cells.length).toBe(2);
  });

  it('never marks the tab as edited nor decides on trust', () => {
    const model = open(notebook(code('a')));
    codeCell(model, 0).trusted = true;

    patchNotebook(model, notebook(code('a', [stream('1\n')], 1)));

    expect(model.dirty).toBe(false);
    expect(codeCell(model, 0).trusted).toBe(true);
  });
});
