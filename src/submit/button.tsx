/** The button in the notebook's toolbar: one click, and its confirmation in place. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import {
  caretDownIcon,
  closeIcon,
  ReactWidget,
  UseSignal
} from '@jupyterlab/ui-components';
import type { Menu } from '@lumino/widgets';
import React from 'react';

import type { Execution } from '../api/types';
import type { PanelSubmission, SubmissionState } from './panelsubmission';

/** What the button needs. */
export interface ISubmitButtonOptions {
  /** The submission it starts and shows. */
  submission: PanelSubmission;
  /** Makes the menu, when it is opened for the first time. */
  makeMenu: () => Menu;
  /** Opens the result of an execution. */
  onOpen: (execution: Execution) => void;
  /** Its icon. */
  icon: LabIcon;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * "Run as experiment" in a toolbar.
 *
 * #### Notes
 * Own buttons and not `ToolbarButton`, for three reasons: a click must not
 * take the focus from the cell, yet a keyboard user must not lose it when the
 * button is busy (so `aria-disabled`); the number appears in place; and the
 * width never changes (both texts lie in one grid cell), or the whole toolbar
 * would jump and fold at every click.
 */
export class SubmitButton extends ReactWidget {
  /** Create the button. */
  constructor(private _options: ISubmitButtonOptions) {
    super();
    this.addClass('jp-ToolbarButton');
    this.addClass('jp-SubmitButton');
  }

  /** Let go of the menu as well. */
  override dispose(): void {
    this._menu?.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    const { submission } = this._options;
    const openMenu = (x: number, y: number): void => {
      this._menu ??= this._options.makeMenu();
      this._menu.open(x, y);
    };
    return (
      <UseSignal
        signal={submission.stateChanged}
        initialArgs={submission.state}
        initialSender={submission}
      >
        {() => <Buttons {...this._options} openMenu={openMenu} />}
      </UseSignal>
    );
  }

  private _menu: Menu | null = null;
}

function Buttons(
  props: ISubmitButtonOptions & { openMenu: (x: number, y: number) => void }
): JSX.Element {
  const { submission, icon: Icon, trans } = props;
  const { state } = submission;
  const isSending = state.type === 'sending';
  const inPlace = shortAnswer(state, trans);
  return (
    <>
      {state.type === 'same' && <Offer {...props} same={state.execution} />}
      <button
        type="button"
        className={`jp-ToolbarButtonComponent jp-SubmitButton-run jp-mod-${state.type}`}
        aria-label={trans.__('Run as experiment')}
        aria-disabled={isSending}
        title={trans.__(
          'Run as experiment: seal this notebook as it is now and run it elsewhere'
        )}
        // The cell being edited keeps the focus.
        onMouseDown={event => event.preventDefault()}
        onClick={event => {
          // A second click while the first is on its way belongs to it, and so
          // does the second of a double click, however fast the answer came.
          if (!isSending && event.detail < 2) {
            void submission.run();
          }
        }}
      >
        <Icon.react tag="span" className="jp-SubmitButton-icon" />
        <span className="jp-ToolbarButtonComponent-label jp-SubmitButton-label">
          <span className={inPlace ? 'jp-mod-covered' : ''}>
            {trans.__('Experiment')}
          </span>
          <span className="jp-SubmitButton-answer">{inPlace}</span>
        </span>
      </button>
      <button
        type="button"
        className="jp-ToolbarButtonComponent jp-SubmitButton-menu"
        aria-label={trans.__('More ways to run as experiment')}
        aria-haspopup="menu"
        title={trans.__('Run with parameters, and more')}
        onClick={event => {
          const box = event.currentTarget.getBoundingClientRect();
          props.openMenu(box.left, box.bottom);
        }}
      >
        <caretDownIcon.react tag="span" />
      </button>
      <span className="jp-SubmitButton-status" role="status">
        {longAnswer(state, trans)}
      </span>
    </>
  );
}

/** What ran already: to be opened, or run again; nothing else waits for the answer. */
function Offer(props: ISubmitButtonOptions & { same: Execution }): JSX.Element {
  const { onOpen, same, submission, trans } = props;
  const node = React.useRef<HTMLDivElement>(null);
  const [left, setLeft] = React.useState(0);
  React.useLayoutEffect(() => {
    // Below the button, and not over the edge of the window.
    const box = node.current?.getBoundingClientRect();
    const over = (box?.right ?? 0) - document.documentElement.clientWidth + 8;
    if (over > 0) {
      setLeft(-over);
    }
  }, []);
  const finished = same.finished_at ?? same.created_at;
  return (
    <div
      ref={node}
      className="jp-SubmitButton-offer"
      role="group"
      aria-label={trans.__('This ran already')}
      style={{ marginLeft: left }}
      onMouseDown={event => event.preventDefault()}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          submission.dismiss();
        }
      }}
    >
      <span role="status">
        {trans.__('Same as #%1, %2.', same.number, agoLabel(finished, trans))}
      </span>
      <button
        type="button"
        className="jp-SubmitButton-link"
        onClick={() => {
          submission.dismiss();
          onOpen(same);
        }}
      >
        {trans.__('Open it')}
      </button>
      <button
        type="button"
        className="jp-SubmitButton-link"
        onClick={() => void submission.run()}
      >
        {trans.__('Run anyway')}
      </button>
      <button
        type="button"
        className="jp-SubmitButton-close"
        title={trans.__('Close')}
        aria-label={trans.__('Close')}
        onClick={() => submission.dismiss()}
      >
        <closeIcon.react tag="span" elementPosition="center" />
      </button>
    </div>
  );
}

/** How long ago something was, in one unit. */
function agoLabel(moment: string, trans: TranslationBundle): string {
  const minutes = Math.max(0, (Date.now() - Date.parse(moment)) / 60_000);
  if (minutes < 1) {
    return trans.__('a moment ago');
  }
  if (minutes < 60) {
    return trans.__('%1 min ago', Math.floor(minutes));
  }
  return minutes < 48 * 60
    ? trans.__('%1 h ago', Math.floor(minutes / 60))
    : trans.__('%1 days ago', Math.floor(minutes / 60 / 24));
}

function shortAnswer(state: SubmissionState, trans: TranslationBundle): string {
  switch (state.type) {
    case 'accepted':
      return `#${state.number}`;
    case 'refused':
      return trans.__('Refused');
    case 'same':
      return trans.__('Again?');
    case 'idle':
    case 'sending':
      return '';
  }
}

/** For screen readers. */
function longAnswer(state: SubmissionState, trans: TranslationBundle): string {
  switch (state.type) {
    case 'accepted':
      return trans.__('Execution #%1 accepted', state.number);
    // The message itself is an alert, and the offer is read by itself.
    case 'refused':
    case 'same':
    case 'idle':
    case 'sending':
      return '';
  }
}
