import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { Execution } from '../../api/types';
import type { IRowContext } from '../../sidebar/row';
import { Rows } from '../../sidebar/rows';
import { makeExecution, makeRunning } from '../fakes';

const trans = nullTranslator.load('jupyter_async_exec');

const { act } = React;

let host: HTMLElement;
let root: Root;
let log: string[];

function show(executions: Execution[], selectedId: string | null = null): void {
  const context: IRowContext = {
    trans,
    columns: [],
    now: Date.parse('2026-01-01T10:01:00Z'),
    isOneNotebook: false,
    usualDuration: () => 240,
    actions: () => [],
    onOpen: ({ number }) => log.push(`open ${number}`),
    onSelect: () => undefined,
    onRename: () => undefined
  };
  act(() =>
    root.render(
      <Rows
        executions={executions}
        context={context}
        label="Executions"
        hasMore={false}
        selectedId={selectedId}
        renamingId={null}
        focusRequests={0}
        onEnd={() => undefined}
        onMove={({ number }) => log.push(`move ${number}`)}
        onKey={({ number }, key) => log.push(`${key} ${number}`) > 0}
        onMenu={({ number }) => log.push(`menu ${number}`)}
      />
    )
  );
}

const rows = (): HTMLElement[] => [...host.querySelectorAll('li')];

const press = (row: HTMLElement, key: string): void =>
  act(() => {
    row
      .querySelector('button')
      ?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  });

beforeEach(() => {
  // React asks for this in tests that use `act`.
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  log = [];
  host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  host.remove();
});

describe('Rows', () => {
  it('draws few of very many rows and says how many there are', () => {
    show(Array.from({ length: 100_000 }, (_, i) => makeExecution(100_000 - i)));

    expect(rows().length).toBeLessThan(40);
    expect(rows()[0].getAttribute('aria-setsize')).toBe('100000');
    expect(rows()[4].getAttribute('aria-posinset')).toBe('5');
  });

  it('says status, number and title in words', () => {
    show([makeExecution(42, { status: 'failed', reason: 'lost' })]);

    expect(rows()[0].textContent).toContain('Failed #42 title 42');
  });

  it('shows how far a running execution is and what is left', () => {
    show([makeRunning(1, { cells_done: 6, cells_total: 12 })]);

    expect(rows()[0].textContent).toContain('cell 7 of 12');
    expect(rows()[0].textContent).toContain('about 3 min left');
  });

  it('shows why a queued execution waits', () => {
    const waiting_reason = 'waits for a free slot (2 of 2 busy)';
    show([makeExecution(1, { status: 'queued', waiting_reason })]);

    expect(rows()[0].textContent).toContain(waiting_reason);
  });

  it('has one tab stop: the selected row', () => {
    const executions = [makeExecution(3), makeExecution(2), makeExecution(1)];
    show(executions, executions[1].id);

    const stops = rows().map(row => row.querySelector('button')?.tabIndex);

    expect(stops).toEqual([-1, 0, -1]);
  });

  it('moves with the arrow keys, Home and End', () => {
    show([makeExecution(3), makeExecution(2), makeExecution(1)]);

    press(rows()[1], 'ArrowDown');
    press(rows()[1], 'ArrowUp');
    press(rows()[0], 'ArrowUp');
    press(rows()[1], 'End');
    press(rows()[1], 'Home');

    expect(log).toEqual(['move 1', 'move 3', 'move 3', 'move 1', 'move 3']);
  });

  it('passes other keys on with their row', () => {
    show([makeExecution(3), makeExecution(2)]);

    press(rows()[1], 'Delete');
    press(rows()[0], 'F2');

    expect(log).toEqual(['Delete 2', 'F2 3']);
  });

  it('opens by a click', () => {
    show([makeExecution(3)]);

    act(() => rows()[0].querySelector('button')?.click());

    expect(log).toEqual(['open 3']);
  });
});
