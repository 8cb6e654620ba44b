import type { INotebookContent } from '@jupyterlab/nbformat';

import { withoutOutputs } from '../../submit/capture';

function notebook(): INotebookContent {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { name: 'python3', display_name: 'Python 3' },
      widgets: { 'application/vnd.jupyter.widget-state+json': { state: {} } }
    },
    cells: [
      {
        id: 'a',
        cell_type: 'code',
        source: 'print(1)',
        metadata: { tags: ['parameters'] },
        execution_count: 3,
        outputs: [{ output_type: 'stream', name: 'stdout', text: '1\n' }]
      },
      {
        id: 'b',
        cell_type: 'markdown',
        source: '![](attachment:x.png)',
        metadata: {},
        attachments: { 'x.png': { 'image/png': 'AAAA' } }
      }
    ]
  };
}

describe('withoutOutputs', () => {
  it('removes outputs, execution counts and widget state', () => {
    const sent = withoutOutputs(notebook());

    expect(sent.cells[0].outputs).toEqual([]);
    expect(sent.cells[0].execution_count).toBeNull();
    expect(sent.metadata).not.toHaveProperty('widgets');
  });

  it('keeps source, tags, attachments and the kernel', () => {
    const sent = withoutOutputs(notebook());

    expect(sent.cells[0].source).toBe('print(1)');
    expect(sent.cells[0].metadata.tags).toEqual(['parameters']);
    expect(sent.cells[1]).toEqual(notebook().cells[1]);
    expect(sent.metadata.kernelspec?.name).toBe('python3');
  });

  it('leaves the notebook on the screen untouched', () => {
    const original = notebook();

    withoutOutputs(original);

    expect(original).toEqual(notebook());
  });
});
