import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import type { ExecutionEdit } from '../../api/types';
import { Notes, NotesDrawer, tagsIn } from '../../viewer/notes';
import { makeExecution } from '../fakes';

const { act } = React;

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const trans = nullTranslator.load('jupyter_async_exec');

function render(element: JSX.Element): HTMLElement {
  const place = document.createElement('div');
  document.body.append(place);
  act(() => createRoot(place).render(element));
  return place;
}

async function save(place: HTMLElement): Promise<void> {
  await act(async () => {
    place.querySelector('form')?.requestSubmit();
    await Promise.resolve();
  });
}

describe('Notes', () => {
  it('takes no room where nothing was written', () => {
    const place = render(<Notes execution={makeExecution(1)} trans={trans} />);

    expect(place.childElementCount).toBe(0);
  });

  it('shows tags and note as text', () => {
    const written = makeExecution(1, {
      tags: ['paper', 'best'],
      note: '<b>good</b>'
    });
    const place = render(<Notes execution={written} trans={trans} />);

    const tags = [...place.querySelectorAll('li')].map(tag => tag.textContent);
    expect(tags).toEqual(['paper', 'best']);
    expect(place.querySelector('p')?.textContent).toBe('<b>good</b>');
  });
});

describe('NotesDrawer', () => {
  it('saves what is there, and says so', async () => {
    const edits: ExecutionEdit[] = [];
    const written = makeExecution(1, { tags: ['paper'], note: 'good' });
    const place = render(
      <NotesDrawer
        execution={written}
        save={async edit => void edits.push(edit)}
        trans={trans}
      />
    );

    await save(place);

    expect(edits).toEqual([{ tags: ['paper'], note: 'good' }]);
    expect(place.querySelector('[role="status"]')?.textContent).toBe('Saved.');
  });

  it('says why it could not be saved, and keeps what was typed', async () => {
    const written = makeExecution(1, { note: 'good' });
    const place = render(
      <NotesDrawer
        execution={written}
        save={() => Promise.reject(new Error('It is not yours.'))}
        trans={trans}
      />
    );

    await save(place);

    const alert = place.querySelector('[role="alert"]');
    expect(alert?.textContent).toBe('It is not yours.');
    expect(place.querySelector('textarea')?.value).toBe('good');
  });
});

describe('tagsIn', () => {
  it('takes each tag once, without what surrounds it', () => {
    expect(tagsIn(' paper, best,, paper , ')).toEqual(['paper', 'best']);
  });
});
