import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import type { Receipt } from '../../api/types';
import { ChangesDrawer } from '../../viewer/changesdrawer';

const { act } = React;

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const PATCH = [
  'diff --git a/helper.py b/helper.py',
  '--- a/helper.py',
  '+++ b/helper.py',
  '@@ -1,3 +1,3 @@',
  ' same',
  '-x = 1',
  '+x = 2',
  '+y = "<b>3</b>"',
  ''
].join('\n');

function render(git: Partial<NonNullable<Receipt['git']>>): HTMLElement {
  const place = document.createElement('div');
  act(() => {
    createRoot(place).render(
      <ChangesDrawer
        git={{
          commit: 'abcdef0123456789',
          dirty: true,
          diff: PATCH,
          diff_cut: false,
          ...git
        }}
        trans={nullTranslator.load('jupyter_async_exec')}
      />
    );
  });
  return place;
}

describe('ChangesDrawer', () => {
  it('tells lines apart without colours', () => {
    const place = render({});

    expect(place.querySelector('figcaption')?.textContent).toBe('helper.py');
    expect(place.querySelector('del')?.textContent).toBe('-x = 1\n');
    expect(place.querySelector('ins')?.textContent).toBe(
      '+x = 2\n+y = "<b>3</b>"\n'
    );
  });

  it('can be scrolled by keyboard, and has a name', () => {
    const region = render({}).firstElementChild;

    expect(region?.getAttribute('tabindex')).toBe('0');
    expect(region?.getAttribute('aria-label')).toBe('Uncommitted changes');
  });

  it('says where it was cut off, and only then', () => {
    expect(render({ diff_cut: true }).textContent).toContain('cut off here');
    expect(render({}).textContent).not.toContain('cut off here');
  });

  it('says why nothing is there', () => {
    expect(render({ diff: '' }).textContent).toContain('is not kept');
    expect(render({ diff: '', diff_cut: true }).textContent).toContain(
      'too much to keep'
    );
  });
});
