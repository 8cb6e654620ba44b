import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { ComparedRow, Goal } from '../../api/types';
import type { CompareModel } from '../../compare/comparemodel';
import type { ICompareActions } from '../../compare/header';
import { Header } from '../../compare/header';
import { rankByGoal } from '../../model/goals';
import { makeRow } from './fakes';

const { act } = React;

const GOAL: Goal = { metric: 'acc', direction: 'maximise' };
const ROWS = [1, 2, 3, 4, 5].map(number =>
  makeRow(number, { metrics: { acc: number } })
);

let host: HTMLElement;
let root: Root;
let chosen: number[];

function show(rows: ComparedRow[], fields: object = {}): void {
  const model = {
    columns: [],
    goal: GOAL,
    goalPath: rows[0].notebook_path,
    isLive: false,
    nWaiting: 0,
    objective: null,
    ranked: rankByGoal(rows, GOAL),
    rows,
    selected: [],
    set: { sweep: 'abc' },
    selectOnly: (ids: string[]) => {
      chosen = ids.map(id => parseInt(id, 16));
    },
    ...fields
  } as unknown as CompareModel;
  act(() =>
    root.render(
      <Header
        model={model}
        actions={{} as ICompareActions}
        trans={nullTranslator.load('')}
      />
    )
  );
}

const button = (name: string): HTMLButtonElement | undefined =>
  [...host.querySelectorAll('button')].find(({ textContent }) =>
    textContent?.startsWith(name)
  );

const field = (): HTMLInputElement =>
  host.querySelector('input[type=number]') as HTMLInputElement;

const type = (text: string): void =>
  act(() => {
    Object.getOwnPropertyDescriptor(
      HTMLInputElement.prototype,
      'value'
    )?.set?.call(field(), text);
    field().dispatchEvent(new Event('input', { bubbles: true }));
  });

beforeEach(() => {
  (globalThis as Record<string, unknown>)['IS_REACT_ACT_ENVIRONMENT'] = true;
  chosen = [];
  host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  host.remove();
});

describe('the header of a comparison', () => {
  it('selects the best three, or as many as one says', () => {
    show(ROWS);

    act(() => button('Top 3')?.click());
    expect(chosen).toEqual([5, 4, 3]);
    type('2');
    act(() => button('Top 2')?.click());

    expect(chosen).toEqual([5, 4]);
    expect(field().max).toBe('5');
  });

  it('selects by the Enter key as well', () => {
    show(ROWS);
    type('1');

    act(() => {
      field().dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })
      );
    });

    expect(chosen).toEqual([5]);
  });

  it.each(['', '0', '-2', '1e9', 'x'])(
    'offers what there is while %j is typed',
    text => {
      show(ROWS);

      type(text);

      expect(button(text === '1e9' ? 'Top 5' : 'Top 3')).toBeDefined();
    }
  );

  it('names no more than there are', () => {
    show(ROWS.slice(0, 2));

    expect(field().value).toBe('2');
  });

  it('says whose goal it is where there are several notebooks', () => {
    const label = (): string | undefined =>
      host.querySelector('label')?.firstChild?.textContent ?? undefined;

    show(ROWS);
    expect(label()).toBe('Goal');
    show([...ROWS, makeRow(6, { notebook_path: 'more/other.ipynb' })]);

    expect(label()).toBe('Goal of train.ipynb');
  });

  it('stops the rest of a sweep only while something waits', () => {
    show(ROWS, { isLive: true, nWaiting: 0 });
    expect(button('Stop the rest')?.disabled).toBe(true);

    show(ROWS, { isLive: true, nWaiting: 2 });

    expect(button('Stop the rest')?.disabled).toBe(false);
  });
});
