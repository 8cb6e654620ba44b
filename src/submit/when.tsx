/** When the executions of a sweep are collected: a dialog of two fields. */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import type { When } from '../api/types';
import { Choice } from '../fields/choice';
import { NumberField } from './numberfield';

const MINUTE_S = 60;

type Kind = 'all' | 'first' | 'within';

class WhenBody extends ReactWidget implements Dialog.IBodyWidget<When> {
  constructor(private _trans: TranslationBundle) {
    super();
    this.addClass('jp-CollectForm');
  }

  getValue(): When {
    switch (this._kind) {
      case 'all':
        return 'all';
      case 'first':
        return { first: this._n };
      case 'within':
        return { within_s: this._n * MINUTE_S };
    }
  }

  protected render(): JSX.Element {
    const trans = this._trans;
    const kinds: [Kind, string][] = [
      ['all', trans.__('when all of it is over')],
      ['first', trans.__('as soon as so many have succeeded')],
      ['within', trans.__('after so many minutes, what has succeeded by then')]
    ];
    return (
      <div className="jp-CollectForm-fields">
        <Choice
          label={trans.__('When it is collected')}
          choices={kinds}
          value={this._kind}
          onChange={kind => {
            this._kind = kind;
            this.update();
          }}
        />
        {this._kind !== 'all' && (
          <NumberField
            label={
              this._kind === 'first'
                ? trans.__('How many')
                : trans.__('Minutes')
            }
            value={this._n}
            onChange={n => {
              this._n = n ?? 1;
              this.update();
            }}
          />
        )}
      </div>
    );
  }

  private _kind: Kind = 'all';
  private _n = 3;
}

/**
 * Ask when a sweep that is not over is collected.
 *
 * @param title - what the dialog is called.
 * @param trans - the words.
 * @returns When; null when the user cancelled.
 */
export async function askWhen(
  title: string,
  trans: TranslationBundle
): Promise<When | null> {
  const { button, value } = await showDialog({
    title,
    body: new WhenBody(trans),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Collect') })
    ]
  });
  return button.accept ? value : null;
}
