/** The dialog that makes room: a choice, what it would remove, and the room that would be free. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import React from 'react';

import type { Collection } from '../api/types';
import { sizeLabel } from '../model/sizes';
import type { Choice, SpaceModel } from './space';
import { choiceLabel, CHOICES, KEPT } from './space';

/** So many executions are named. */
const N_NAMED = 8;

/** What the body of the dialog shows. */
export interface ISpaceProps {
  model: SpaceModel;
  trans: TranslationBundle;
}

function Body({ model, trans }: ISpaceProps): JSX.Element {
  return (
    <>
      <HTMLSelect
        aria-label={trans.__('What may go')}
        value={model.choice}
        onChange={event => {
          model.choice = event.target.value as Choice;
        }}
      >
        {CHOICES.map(choice => (
          <option key={choice} value={choice}>
            {choiceLabel(choice, trans)}
          </option>
        ))}
      </HTMLSelect>
      {model.choice !== 'deleted' && (
        <label className="jp-ExecutionsSpace-keep">
          <input
            type="checkbox"
            checked={model.keepsLast}
            onChange={event => {
              model.keepsLast = event.target.checked;
            }}
          />
          {trans.__('Keep the latest %1 of each notebook', KEPT)}
        </label>
      )}
      <div role="status">
        {model.problem ??
          (model.plan === null
            ? trans.__('Looking…')
            : planLabel(model.plan, trans))}
      </div>
      {model.plan !== null && model.plan.executions.length > 0 && (
        <ul
          className="jp-ExecutionsSpace-list"
          aria-label={trans.__('What would go')}
        >
          {named(model.plan).map(each => (
            <li key={each.id}>{`#${each.number} ${each.title}`}</li>
          ))}
          {model.plan.n_executions > N_NAMED && (
            <li>
              {trans.__('… and %1 more', model.plan.n_executions - N_NAMED)}
            </li>
          )}
        </ul>
      )}
      <p className="jp-ExecutionsSpace-note">
        {trans.__(
          'What is starred, pinned, waiting or running stays. What goes cannot be taken back.'
        )}
      </p>
    </>
  );
}

function named({ executions }: Collection): Collection['executions'] {
  return [...executions].sort((a, b) => a.number - b.number).slice(0, N_NAMED);
}

/**
 * What would go, in a sentence.
 *
 * @param plan - The server's answer.
 * @param trans - The words.
 */
export function planLabel(plan: Collection, trans: TranslationBundle): string {
  const used = trans.__('Executions use %1.', sizeLabel(plan.used_bytes));
  return [used, goesLabel(plan, trans), laterLabel(plan, trans), plan.message]
    .filter(Boolean)
    .join(' ');
}

function goesLabel(
  { freed_bytes, n_executions, n_objects }: Collection,
  trans: TranslationBundle
): string {
  const freed = sizeLabel(freed_bytes);
  if (n_executions > 0 && freed_bytes === 0) {
    return trans._n(
      '%1 execution would go.',
      '%1 executions would go.',
      n_executions
    );
  }
  if (n_executions > 0) {
    return trans._n(
      '%1 execution would go, which frees %2.',
      '%1 executions would go, which frees %2.',
      n_executions,
      freed
    );
  }
  return n_objects > 0
    ? trans.__('%1 would go that no execution needs.', freed)
    : trans.__('Nothing would go.');
}

/** Bytes go a day after the last execution that needs them. */
function laterLabel(
  { freed_bytes, later_bytes }: Collection,
  trans: TranslationBundle
): string | null {
  const later = sizeLabel(later_bytes);
  if (later_bytes === 0) {
    return null;
  }
  return freed_bytes === 0
    ? trans.__('%1 become free a day later.', later)
    : trans.__('%1 more become free a day later.', later);
}

/** The body of the dialog. */
export class SpaceBody extends ReactWidget {
  constructor(private _props: ISpaceProps) {
    super();
    this.addClass('jp-ExecutionsSpace');
    _props.model.changed.connect(this._allow, this);
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._allow();
  }

  /** What is not known yet is not removed: the button waits for that. */
  private _allow(): void {
    const button = this.node
      .closest('.jp-Dialog-content')
      ?.querySelector<HTMLButtonElement>('.jp-Dialog-button.jp-mod-accept');
    if (button) {
      button.disabled = !this._props.model.canRemove;
    }
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => <Body {...this._props} />}
      </UseSignal>
    );
  }
}
