import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { Execution } from '../../api/types';
import type { IRowContext } from '../../sidebar/row';
import type { IColumn, IExecutionRows } from '../../tokens';
import { Rows } from '../../sidebar/rows';
import { makeExecution, makeRunning, makeSweep } from '../fakes';

const trans = nullTranslator.load('jupyter_async_exec');

const { act } = React;

let host: HTMLElement;
let root: Root;
let log: string[];
let looked: number[];
let chosen: string[];
let columns: readonly IColumn[];
let context: IRowContext;

/** A list that is known whole. */
function asRows(executions: Execution[]): IExecutionRows {
  return {
    length: executions.length,
    isComplete: true,
    revision: 0,
    at: position => ({
      number: executions[position]?.number ?? null,
      execution: executions[position] ?? null,
      sweep: null,
      within: null
    }),
    positionOf: number => executions.findIndex(row => row.number <= number)
  };
}

function show(
  executions: Execution[] | IExecutionRows,
  selected: Execution | null = null
): void {
  if (context.columns !== columns) {
    context = { ...context, columns };
  }
  act(() =>
    root.render(
      <Rows
        rows={Array.isArray(executions) ? asRows(executions) : executions}
        context={context}
        now={() => Date.parse('2026-01-01T10:01:00Z')}
        label="Executions"
        selected={selected && { ...selected, within: null }}
        chosenIds={new Set(chosen)}
        isOpen={() => false}
        renamingId={null}
        focusRequests={0}
        onLook={(first, end) => (looked = [first, end])}
        onExtend={({ number }, to) => log.push(`extend ${number} to ${to}`)}
        onMove={({ number }) => log.push(`move ${number}`)}
        onKey={({ number }, key) => log.push(`${key} ${number}`) > 0}
        onMenu={({ number }) => log.push(`menu ${number}`)}
      />
    )
  );
}

const rows = (): HTMLElement[] => [...host.querySelectorAll('li')];

const press = (
  row: HTMLElement,
  key: string,
  held: KeyboardEventInit = {}
): void =>
  act(() => {
    row
      .querySelector('button')
      ?.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, ...held })
      );
  });

const click = (row: HTMLElement, held: MouseEventInit = {}): void =>
  act(() => {
    row
      .querySelector('button')
      ?.dispatchEvent(new MouseEvent('click', { bubbles: true, ...held }));
  });

beforeEach(() => {
  // React asks for this in tests that use `act`.
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  log = [];
  chosen = [];
  columns = [];
  context = {
    trans,
    columns,
    isOneNotebook: false,
    usualDuration: () => 240,
    actions: () => [],
    sweepActions: () => [],
    onSelectSweep: () => undefined,
    onToggle: ({ id }) => log.push(`toggle ${id}`),
    onOpen: ({ number }) => log.push(`open ${number}`),
    onChoose: ({ number }, how) => log.push(`choose ${how} ${number}`),
    onSelect: () => undefined,
    onRename: () => undefined
  };
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

  it('says whose an execution is only where it is somebody else’s', () => {
    const theirs = { ...makeExecution(2), owner: 'ada' };
    const done = { status: 'succeeded' as const };
    show([
      { ...theirs, ...done },
      { ...makeExecution(1), ...done }
    ]);

    expect(rows().map(row => row.textContent?.includes('ada'))).toEqual([
      true,
      false
    ]);
  });

  it('says which rows are looked at', () => {
    show(Array.from({ length: 100 }, (_, i) => makeExecution(100 - i)));

    expect(looked).toEqual([0, 14]);
  });

  it('shows a place, but no row, for what is on its way', () => {
    const some = asRows([makeExecution(2), makeExecution(1)]);
    show({
      ...some,
      at: position => ({ ...some.at(position), execution: null })
    });

    expect(rows()[0].textContent).toBe('#2');
    expect(rows()[0].getAttribute('aria-hidden')).toBe('true');
    expect(host.querySelector('ul')?.getAttribute('aria-busy')).toBe('true');
  });

  it('chooses several rows as lists do, and opens with a plain click', () => {
    const executions = [3, 2, 1].map(number => makeExecution(number));
    chosen = [executions[1].id];
    show(executions, executions[0]);

    click(rows()[0]);
    click(rows()[1], { ctrlKey: true });
    click(rows()[2], { metaKey: true });
    click(rows()[2], { shiftKey: true });
    press(rows()[0], ' ', { ctrlKey: true });
    press(rows()[0], 'ArrowDown', { shiftKey: true });

    expect(log).toEqual([
      'open 3',
      'choose one 2',
      'choose one 1',
      'choose range 1',
      'choose one 3',
      'extend 3 to 1',
      'move 2'
    ]);
    const pressed = rows().map(row =>
      row.querySelector('button')?.getAttribute('aria-pressed')
    );
    expect(pressed).toEqual([null, 'true', null]);
  });

  it('brings the focus to the end when the end is here', () => {
    const all = Array.from({ length: 500 }, (_, i) => makeExecution(500 - i));
    const some = asRows(all);
    show({
      ...some,
      at: position => ({
        ...some.at(position),
        execution: position < 100 ? all[position] : null
      })
    });

    press(rows()[0], 'End');
    expect(log).toEqual([]);
    show({ ...some, revision: 1 });

    expect(log).toEqual(['move 1']);
  });

  it('keeps the selected row in the document, wherever it is', () => {
    const all = Array.from({ length: 500 }, (_, i) => makeExecution(500 - i));
    show(all, all[400]);

    const last = rows()[rows().length - 1];
    expect(last.dataset.executionNumber).toBe('100');
    expect(last.querySelector('button')?.tabIndex).toBe(-1);
  });

  it('does not draw rows again that have no news', () => {
    const all = [makeExecution(2), makeExecution(1)];
    let drawn = 0;
    const column = {
      id: 'count',
      label: 'Count',
      rank: 1,
      render: () => (drawn += 1)
    };
    columns = [column];
    show(all);
    expect(drawn).toBe(2);

    show([makeExecution(3), ...all.slice(1)].slice(0, 2));
    expect(drawn).toBe(3);
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

  it('says where, unless that is the machine of the server', () => {
    show([
      makeRunning(3, { backend: 'gpu box', cells_done: 6, cells_total: 12 }),
      makeExecution(2, { status: 'queued', backend: 'gpu box' }),
      makeRunning(1, { cells_done: 6, cells_total: 12 })
    ]);

    const texts = rows().map(row => row.textContent);

    expect(texts[0]).toContain('cell 7 of 12 · gpu box');
    expect(texts[1]).toContain('gpu box · waits for');
    expect(texts[2]).not.toContain('local');
  });

  it('has one tab stop: the selected row', () => {
    const executions = [makeExecution(3), makeExecution(2), makeExecution(1)];
    show(executions, executions[1]);

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

  it('draws a sweep in one row, which opens by a click', () => {
    const members = [
      makeExecution(2),
      makeExecution(3, { status: 'failed' }),
      makeRunning(4)
    ];
    const sweep = makeSweep('s', members);
    const some = asRows([makeExecution(5)]);
    show({
      ...some,
      length: 2,
      at: position =>
        position === 0
          ? some.at(0)
          : { number: 2, execution: null, sweep, within: null }
    });

    const text = rows()[1].textContent;
    act(() => rows()[1].querySelector('button')?.click());

    expect(text).toContain('Running #2–4 sweep of 3: lr');
    expect(text).toContain('2 of 3, 1 failed');
    expect(rows()[1].querySelector('[aria-expanded="false"]')).not.toBeNull();
    expect(log).toEqual(['toggle s']);
  });

  it('counts what a search is still to choose in the time left', () => {
    const sweep = makeSweep('s', [makeRunning(4)]);
    const counts = { ...sweep.counts, to_come: 30 };
    const some = asRows([makeExecution(4)]);
    show({
      ...some,
      at: () => ({
        number: 4,
        execution: null,
        sweep: { ...sweep, counts },
        within: null
      })
    });

    // 30 more and half of the one that runs, four minutes each.
    expect(rows()[0].textContent).toContain('about 2 h left');
  });

  it('marks a result that a sweep took over, and tells its rows apart', () => {
    const reused = makeExecution(1);
    const own = makeExecution(2, { sweep_id: 's' });
    const some = asRows([own, reused, reused]);
    show({
      ...some,
      at: position => ({
        ...some.at(position),
        within: position < 2 ? 's' : null
      })
    });

    const marked = rows().map(row => row.textContent?.includes('reused'));

    expect(marked).toEqual([false, true, false]);
    expect(rows().map(row => row.getAttribute('aria-level'))).toEqual([
      '2',
      '2',
      '1'
    ]);
    expect(new Set(rows().map(row => row.dataset.row)).size).toBe(3);
  });

  it('opens by a click', () => {
    show([makeExecution(3)]);

    act(() => rows()[0].querySelector('button')?.click());

    expect(log).toEqual(['open 3']);
  });
});
