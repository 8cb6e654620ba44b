import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import type { Receipt, Related } from '../../api/types';
import { Relations } from '../../viewer/relations';

const { act } = React;

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const trans = nullTranslator.load('jupyter_async_exec');

function related(number: number): Related {
  return {
    id: number.toString(16).padStart(32, '0'),
    number,
    title: `title ${number}`,
    status: 'succeeded'
  };
}

function render(
  fields: Partial<Receipt>,
  open: (id: string) => void = () => undefined
): HTMLElement {
  const place = document.createElement('div');
  const receipt = {
    after: [],
    then: [],
    collects: null,
    collected_by: [],
    ...fields
  } as unknown as Receipt;
  act(() => {
    createRoot(place).render(
      <Relations receipt={receipt} open={open} trans={trans} />
    );
  });
  return place;
}

describe('Relations', () => {
  it('shows nothing where there is nothing to show', () => {
    expect(render({}).textContent).toBe('');
  });

  it('names both directions, and opens what is clicked', () => {
    const opened: string[] = [];
    const place = render(
      { after: [related(1)], collected_by: [related(5)] },
      id => opened.push(id)
    );

    expect(place.textContent).toBe('After#1 Collected by#5 ');
    place.querySelectorAll('button')[1].click();
    expect(opened).toEqual([related(5).id]);
  });

  it('names some of many and says what was left out', () => {
    const executions = Array.from({ length: 10 }, (_, at) => related(at + 1));
    const place = render({
      collects: {
        executions,
        sweep: null,
        parameter: 'executions',
        when: 'all',
        handed: 10,
        note: 'Handed over 10 of 12 executions.'
      }
    });

    expect(place.querySelectorAll('button')).toHaveLength(8);
    expect(place.textContent).toContain('and 2 more');
    expect(place.textContent).toContain('Handed over 10 of 12 executions.');
  });
});
