/**
 * The top of the sidebar: whose executions, which words, which status.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import {
  ellipsesIcon,
  HTMLSelect,
  InputGroup
} from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Status } from '../api/types';
import { STATUSES, statusLabel } from '../model/labels';
import type { ListControls, Scope } from './controls';

/** How long typing must pause before the server is asked. */
const SEARCH_DELAY_MS = 300;

/** What the header shows. */
export interface IHeaderProps {
  /** The choices. */
  controls: ListControls;

  /** Open the menu of what concerns all executions, at a place. */
  openMenu: (x: number, y: number) => void;

  /** The words. */
  trans: TranslationBundle;
}

/**
 * The choices at the top of the sidebar.
 *
 * @param props - the choices and the words.
 */
export function Header({
  controls,
  openMenu,
  trans
}: IHeaderProps): JSX.Element {
  const scopes: [Scope, string][] = [
    ['notebook', trans.__('This notebook')],
    ['all', trans.__('All')]
  ];
  return (
    <div className="jp-ExecutionsPanel-header">
      <div className="jp-ExecutionsPanel-choices">
        <div
          className="jp-ExecutionsPanel-scope"
          role="group"
          aria-label={trans.__('Whose executions')}
        >
          {scopes.map(([scope, label]) => (
            <button
              key={scope}
              type="button"
              aria-pressed={controls.scope === scope}
              title={
                scope === 'notebook' ? (controls.notebook ?? label) : label
              }
              onClick={() => {
                controls.scope = scope;
              }}
            >
              {label}
            </button>
          ))}
        </div>
        <HTMLSelect
          className="jp-ExecutionsPanel-status"
          aria-label={trans.__('Status')}
          value={controls.status ?? ''}
          onChange={event => {
            controls.status = (event.target.value || null) as Status | null;
          }}
        >
          <option value="">{trans.__('Any status')}</option>
          {STATUSES.map(status => (
            <option key={status} value={status}>
              {statusLabel(status, trans)}
            </option>
          ))}
        </HTMLSelect>
        <button
          type="button"
          className="jp-ExecutionsPanel-more"
          title={trans.__('More about all executions')}
          aria-label={trans.__('More about all executions')}
          aria-haspopup="menu"
          onClick={event => {
            const { left, bottom } =
              event.currentTarget.getBoundingClientRect();
            openMenu(left, bottom);
          }}
        >
          <ellipsesIcon.react tag="span" elementPosition="center" />
        </button>
      </div>
      <SearchField
        q={controls.q}
        label={trans.__('Search executions')}
        placeholder={trans.__('Search, or #42')}
        onSearch={q => {
          controls.q = q;
        }}
      />
    </div>
  );
}

interface ISearchFieldProps {
  q: string;
  label: string;
  placeholder: string;
  onSearch: (q: string) => void;
}

/** A text field that asks when typing pauses. */
function SearchField(props: ISearchFieldProps): JSX.Element {
  const [text, setText] = React.useState(props.q);
  const timer = React.useRef(0);
  const search = (value: string, delay: number): void => {
    setText(value);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => props.onSearch(value), delay);
  };

  // The words can be cleared from elsewhere: the sentence of an empty list.
  React.useEffect(() => setText(props.q), [props.q]);
  React.useEffect(() => () => window.clearTimeout(timer.current), []);

  return (
    <InputGroup
      className="jp-ExecutionsPanel-search"
      type="search"
      rightIcon="ui-components:search"
      aria-label={props.label}
      placeholder={props.placeholder}
      value={text}
      onChange={event => search(event.target.value, SEARCH_DELAY_MS)}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          search(text, 0);
        } else if (event.key === 'Escape') {
          search('', 0);
        }
      }}
    />
  );
}
