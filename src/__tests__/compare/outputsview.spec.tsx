import { RenderMimeRegistry } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { NotebookJSON } from '../../api/types';
import type { CompareModel } from '../../compare/comparemodel';
import { OutputsModel } from '../../compare/outputsmodel';
import { OutputsView } from '../../compare/outputsview';
import { makeRow } from './fakes';

const { act } = React;

const NOTEBOOK = {
  cells: [{ id: 'a', cell_type: 'code', source: '1', outputs: [] }]
} as unknown as NotebookJSON;

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
});
