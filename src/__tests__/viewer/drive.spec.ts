import type { INotebookContent } from '@jupyterlab/nbformat';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';

import { ExecutionsClient } from '../../api/restclient';
import { ExecutionsDrive } from '../../viewer/drive';

const id = '0123456789abcdef0123456789abcdef';

function makeNotebook(source: string): INotebookContent {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [{ cell_type: 'code', source, metadata: {}, outputs: [] }]
  };
}

function makeDrive(
  content: unknown = null,
  fields: object = {}
): {
  drive: ExecutionsDrive;
  asked: string[];
} {
  const asked: string[] = [];
  const serverSettings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost/base/',
    fetch: async request => {
      const { method, url } = request as Request;
      asked.push(`${method} ${url}`);
      return new Response(
        JSON.stringify({
          name: '42 train.ipynb',
          path: `${id}/42 train.ipynb`,
          type: 'notebook',
          writable: false,
          created: '2026-11-21T09:30:00Z',
          last_modified: '2026-11-21T09:30:00Z',
          mimetype: null,
          ...fields,
          ...(new URL(url).searchParams.get('content') === '0'
            ? { content: null, format: null }
            : { content, format: 'json' })
        })
      );
    }
  });
  const drive = new ExecutionsDrive({
    client: new ExecutionsClient(serverSettings),
    trans: nullTranslator.load('jupyter_async_exec')
  });
  return { drive, asked };
}

describe('ExecutionsDrive', () => {
  it('reads from our own endpoint, also when asked for a provider it has not', async () => {
    const { drive, asked } = makeDrive();

    await drive.get(`${id}/42 train.ipynb`, {
      type: 'notebook',
      contentProviderId: 'rtc'
    });

    expect(asked[0]).toContain(
      `/base/async-exec/contents/${id}/42%20train.ipynb?`
    );
  });

  it('makes every cell read-only and untrusted, whatever the notebook says', async () => {
    const cell = { cell_type: 'code', source: '', outputs: [] };
    const { drive } = makeDrive({
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [
        { ...cell, metadata: { trusted: true, editable: true, tags: ['x'] } },
        { cell_type: 'markdown', source: '', metadata: {} }
      ]
    });

    const { content } = await drive.get(`${id}/42 train.ipynb`);

    const locked = { editable: false, deletable: false };
    expect(content.cells[0].metadata).toEqual({
      ...locked,
      trusted: false,
      tags: ['x']
    });
    expect(content.cells[1].metadata).toEqual(locked);
  });

  it('gives the end of what was printed while more is to come, and then all of it', async () => {
    const notebook = makeNotebook('loop()');
    const text = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`);
    notebook.cells[0].outputs = [
      { output_type: 'stream', name: 'stdout', text }
    ];
    const read = async (partial: boolean): Promise<string> => {
      const { drive } = makeDrive(notebook, { partial });
      const { content } = await drive.get(`${id}/42 train.ipynb`);
      return [content.cells[0].outputs[0].text].flat().join('');
    };

    const [first, second] = (await read(true)).split('\n');

    expect(first).toMatch(/^⋯ \d+ lines above are in the log/);
    expect(first).toContain(` ${second.replace('line ', '')} lines `);
    expect(await read(false)).toBe(text.join(''));
  });

  it('refuses to save a change', async () => {
    const { drive, asked } = makeDrive(makeNotebook('1 + 1'));

    await expect(
      drive.save(`${id}/42 train.ipynb`, {
        type: 'notebook',
        content: makeNotebook('1 + 2')
      })
    ).rejects.toThrow('never changed');
    expect(asked.filter(request => !request.startsWith('GET'))).toEqual([]);
  });

  it('lets a user trust the outputs, which JupyterLab saves, and writes nothing', async () => {
    const { drive, asked } = makeDrive(makeNotebook('1 + 1'));
    const trusted = makeNotebook('1 + 1');
    trusted.cells[0].metadata = { trusted: true };

    const model = await drive.save(`${id}/42 train.ipynb`, {
      type: 'notebook',
      content: trusted
    });

    expect(model.writable).toBe(false);
    expect(asked.filter(request => !request.startsWith('GET'))).toEqual([]);
  });

  it.each([
    [`${id}/42 train.ipynb`, `executions/${id}/notebook?version=output&`],
    [
      `${id}/source/42 train.ipynb`,
      `executions/${id}/notebook?version=source&`
    ],
    [
      `${id}/artifacts/plots/a b.png`,
      `executions/${id}/artifacts/plots/a%20b.png?`
    ]
  ])('downloads %s from where its bytes are', async (path, url) => {
    const { drive } = makeDrive();

    expect(await drive.getDownloadUrl(path)).toBe(
      `http://localhost/base/async-exec/${url}download=true`
    );
  });
});
