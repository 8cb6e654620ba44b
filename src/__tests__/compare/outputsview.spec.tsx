import {
  RenderMimeRegistry,
  standardRendererFactories as initialFactories
} from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { ComparedRow, NotebookJSON } from '../../api/types';
import type { CompareModel } from '../../compare/comparemodel';
import { OutputsModel } from '../../compare/outputsmodel';
import { OutputsView } from '../../compare/outputsview';
import { makeRow } from './fakes';

const { act } = React;

const NOTEBOOK = {
  cells: [{ id: 'a', cell_type: 'code', source: '1', outputs: [] }]
} as unknown as NotebookJSON;

/** One cell, whose source says which. */
function notebook(n: number): { cells: object[] } & NotebookJSON {
  const output = { output_type: 'stream', name: 'stdout', text: `${n}` };
  const cell = { id: 'a', cell_type: 'code', source: `${n}` };
  return { cells: [{ ...cell, outputs: [output] }] } as unknown as {
    cells: object[];
  } & NotebookJSON;
}

/** Tells what comes into sight when a test says so. */
class FakeObserver {
  constructor(private _told: (entries: object[]) => void) {
    all.push(this);
  }

  observe(): void {
    this.see(false);
  }

  disconnect(): void {
    this._isConnected = false;
  }

  see(isIntersecting: boolean): void {
    if (this._isConnected) {
      this._told([{ isIntersecting }]);
    }
  }

  private _isConnected = true;
}

let all: FakeObserver[];
let host: HTMLElement;
let outputs: OutputsModel;
let root: Root;

beforeEach(() => {
  (globalThis as Record<string, unknown>)['IS_REACT_ACT_ENVIRONMENT'] = true;
  (globalThis as Record<string, unknown>)['IntersectionObserver'] =
    FakeObserver;
  all = [];
  host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  outputs.dispose();
  host.remove();
  delete (globalThis as Record<string, unknown>)['IntersectionObserver'];
});

describe('OutputsView', () => {
  it('fetches what is looked at, and of many nothing without end', async () => {
    let nFetched = 0;
    outputs = new OutputsModel({
      getNotebook: () => {
        nFetched += 1;
        return Promise.resolve(NOTEBOOK);
      }
    });
    const rows = Array.from({ length: 60 }, (_, index) => makeRow(index + 1));
    const model = { columns: [], goal: null, ranked: [], rows, selected: rows };
    await act(async () =>
      root.render(
        <OutputsView
          model={model as unknown as CompareModel}
          outputs={outputs}
          rendermime={new RenderMimeRegistry()}
          open={() => undefined}
          trans={nullTranslator.load('')}
        />
      )
    );

    for (const observer of all) {
      await act(async () => observer.see(true));
      await act(async () => observer.see(false));
    }
    const nSeen = nFetched;
    await act(() => new Promise(done => setTimeout(done, 50)));

    expect(nSeen).toBeGreaterThanOrEqual(60);
    expect(nFetched).toBeLessThan(70);
  });

  const rendermime = new RenderMimeRegistry({ initialFactories });

  /** Show executions, all in sight. */
  async function show(rows: ComparedRow[]): Promise<void> {
    const model = { columns: [], goal: null, ranked: [], rows, selected: rows };
    await act(async () =>
      root.render(
        <OutputsView
          model={model as unknown as CompareModel}
          outputs={outputs}
          rendermime={rendermime}
          open={() => undefined}
          trans={nullTranslator.load('')}
        />
      )
    );
    for (const observer of all) {
      await act(async () => observer.see(true));
    }
  }

  it('says where the source is not that of the first', async () => {
    outputs = new OutputsModel({
      getNotebook: id => Promise.resolve(notebook(id === makeRow(2).id ? 2 : 1))
    });

    await show([makeRow(1), makeRow(2), makeRow(3)]);

    const marked = [...host.querySelectorAll('section')].map(side =>
      side.querySelector('header')?.textContent?.includes('source differs')
    );
    expect(marked).toEqual([false, true, false]);
  });

  it('draws in its place what runs on', async () => {
    let answer = notebook(1);
    outputs = new OutputsModel({ getNotebook: () => Promise.resolve(answer) });
    const row = makeRow(1, { status: 'running' });

    await show([row]);
    const area = host.querySelector('.jp-OutputArea');
    expect(area?.textContent).toContain('1');
    answer = notebook(2);
    await show([{ ...row }]);

    expect(host.querySelector('.jp-OutputArea')).toBe(area);
    expect(area?.textContent).toContain('2');
  });

  it('stays at its cell while the first one runs on', async () => {
    const cells = [1, 2].map(n => notebook(n).cells).flat();
    const began = { cells: [cells[0]] } as unknown as NotebookJSON;
    const later = { cells: [cells[0], { ...cells[1], id: 'b' }] };
    let answer = began;
    outputs = new OutputsModel({ getNotebook: () => Promise.resolve(answer) });
    const row = makeRow(1, { status: 'running' });

    await show([row]);
    const chosen = host.querySelector('select')?.value;
    answer = later as unknown as NotebookJSON;
    await show([{ ...row }]);

    expect(host.querySelectorAll('option')).toHaveLength(2);
    expect(host.querySelector('select')?.value).toBe(chosen);
  });
});
