/**
 * The calm lines between header and list: what happened, what can be undone.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { outcomeLabel } from '../model/labels';
import type { UnseenModel } from '../model/unseen';
import type { IExecutionsModel } from '../tokens';
import type { ListControls } from './controls';
import type { SidebarState } from './state';

/** What the lines are about. */
export interface IMessagesProps {
  /** The executions. */
  model: IExecutionsModel;

  /** What ended while nobody was here. */
  unseen: UnseenModel;

  /** What was deleted, what went wrong. */
  state: SidebarState;

  /** The words. */
  trans: TranslationBundle;

  /** Take the deletion back. */
  onUndo: () => void;
}

/**
 * The lines above the list.
 *
 * @param props - what they are about.
 */
export function Messages(props: IMessagesProps): JSX.Element {
  const { model, state, trans, unseen } = props;
  const { deleted, problem } = state;
  const close = trans.__('Close');
  return (
    <div className="jp-ExecutionsPanel-messages" role="status">
      {unseen.away.length > 0 && (
        <Line close={close} onClose={() => unseen.dismissAway()}>
          {trans.__(
            'While you were away: %1',
            outcomeLabel(unseen.away, trans)
          )}
        </Line>
      )}
      {deleted !== null && (
        <Line close={close} onClose={() => state.endUndo()}>
          {trans.__('Deleted %1', deleted.label)}
          {' · '}
          <button
            type="button"
            className="jp-ExecutionsPanel-link"
            onClick={props.onUndo}
          >
            {trans.__('Undo')}
          </button>
        </Line>
      )}
      {problem !== null && (
        <Line close={close} onClose={() => state.complain(null)}>
          {problem}
        </Line>
      )}
      {model.error !== null && model.executions.length > 0 && (
        <Line>
          {trans.__(
            'Not up to date: %1 It is tried again by itself.',
            asSentence(model.error.message)
          )}
        </Line>
      )}
    </div>
  );
}

/** What the empty list is about. */
export interface IEmptyProps {
  /** The executions. */
  model: IExecutionsModel;

  /** What is asked for. */
  controls: ListControls;

  /** The words. */
  trans: TranslationBundle;
}

/**
 * One sentence in place of an empty list.
 *
 * @param props - why it may be empty.
 */
export function Empty(props: IEmptyProps): JSX.Element | null {
  const { controls, model, trans } = props;
  if (model.error !== null) {
    return (
      <p className="jp-ExecutionsPanel-empty">
        {trans.__(
          'The executions could not be loaded: %1 It is tried again by itself.',
          asSentence(model.error.message)
        )}
      </p>
    );
  }
  if (model.isLoading) {
    return null;
  }
  if (controls.lacksNotebook) {
    return (
      <p className="jp-ExecutionsPanel-empty">
        {trans.__('Open a notebook to see its executions.')}
      </p>
    );
  }
  if (controls.isNarrowed) {
    return (
      <p className="jp-ExecutionsPanel-empty">
        {trans.__('Nothing matches.')}{' '}
        <button
          type="button"
          className="jp-ExecutionsPanel-link"
          onClick={() => controls.clear()}
        >
          {trans.__('Show all again')}
        </button>
      </p>
    );
  }
  return (
    <p className="jp-ExecutionsPanel-empty">
      {controls.scope === 'notebook'
        ? trans.__(
            'This notebook was not run as an experiment yet. “Run as experiment” is in its toolbar.'
          )
        : trans.__(
            'No executions yet. Click “Run as experiment” in the toolbar of a notebook: it runs by itself while you go on editing.'
          )}
    </p>
  );
}

interface ILineProps {
  children: React.ReactNode;
  close?: string;
  onClose?: () => void;
}

function Line({ children, close, onClose }: ILineProps): JSX.Element {
  return (
    <div className="jp-ExecutionsPanel-message">
      <span>{children}</span>
      {onClose !== undefined && (
        <button
          type="button"
          title={close}
          aria-label={close}
          onClick={onClose}
        >
          <closeIcon.react tag="span" elementPosition="center" />
        </button>
      )}
    </div>
  );
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
