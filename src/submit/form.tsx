/** The parameter form: JupyterLab's form component in JupyterLab's dialog. */
import { Dialog } from '@jupyterlab/apputils';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import {
  closeIcon,
  FormComponent,
  ReactWidget,
  UseSignal
} from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { ErrorSchema, ValidatorType } from '@rjsf/utils';
import React from 'react';

import type { FormModel } from './formmodel';
import type { IExtraRow } from './formschema';
import type { PlaceForm } from './place';
import { PlaceField } from './placefield';
import { isForPreset, PresetBar } from './presetbar';
import type { PresetsModel } from './presets';
import { planLabel, runLabel, SweepOptions } from './sweepoptions';
import { TableField } from './tablefield';
import type { FormData } from './values';
import { fieldWidgets } from './widgets';

/**
 * We read the fields ourselves, as `1e-3`, `None` and Python's numbers are
 * beyond JSON schema; so the form needs no validator, and we no Ajv.
 */
const noValidator: ValidatorType<ReadonlyJSONObject> = {
  validateFormData: () => ({ errors: [], errorSchema: {} }),
  toErrorList: () => [],
  isValid: () => true,
  rawValidation: () => ({})
};

/** What the views of the form need. */
interface IFormProps {
  model: FormModel;
  presets?: PresetsModel;
  place?: PlaceForm;
  canBrowse: boolean;
  trans: TranslationBundle;
  translator?: ITranslator;
}

function Fields(props: IFormProps): JSX.Element {
  const { model, trans, translator } = props;
  const errors: ErrorSchema<ReadonlyJSONObject> = Object.fromEntries(
    Object.entries(model.problems).map(([key, sentence]) => [
      key,
      { __errors: [sentence] }
    ])
  );
  return (
    <FormComponent
      className="jp-ParametersForm-fields"
      tagName="div"
      validator={noValidator}
      noValidate
      showErrorList={false}
      schema={model.schema}
      uiSchema={model.uiSchema}
      widgets={fieldWidgets}
      formData={model.data}
      formContext={{
        defaultFormData: model.describedDefaults,
        several: model.varied.several,
        setSeveral:
          model.sweep === null
            ? undefined
            : (key: string, isSeveral: boolean) =>
                model.setSeveral(key, isSeveral),
        choosePath: props.canBrowse
          ? (key: string) => {
              model.wish = { for: 'field', key };
            }
          : undefined,
        trans
      }}
      extraErrors={errors}
      disabled={model.isBusy}
      translator={translator}
      onChange={event => {
        model.data = { ...(event.formData as FormData) };
      }}
    />
  );
}

function ExtraRows({ model, trans }: IFormProps): JSX.Element {
  const edit = (index: number, change: Partial<IExtraRow>): void => {
    model.rows = model.rows.map((row, i) =>
      i === index ? { ...row, ...change } : row
    );
  };
  const problems = model.rowProblems;
  return (
    <fieldset className="jp-ParametersForm-rows">
      {model.rows.map((row, index) => (
        <div key={index} className="jp-ParametersForm-row">
          <input
            className="jp-mod-styled"
            aria-label={trans.__('Name of parameter %1', index + 1)}
            aria-invalid={index in problems}
            placeholder={trans.__('name')}
            spellCheck={false}
            value={row.name}
            onChange={event => edit(index, { name: event.target.value })}
          />
          <input
            className="jp-mod-styled"
            aria-label={trans.__('Value of parameter %1', index + 1)}
            placeholder={trans.__('value: JSON, or else text')}
            spellCheck={false}
            value={row.value}
            onChange={event => edit(index, { value: event.target.value })}
          />
          <button
            type="button"
            className="jp-ParametersForm-remove"
            title={trans.__('Remove this parameter')}
            aria-label={trans.__('Remove parameter %1', index + 1)}
            onClick={() => {
              model.rows = model.rows.filter((_, i) => i !== index);
            }}
          >
            <closeIcon.react tag="span" elementPosition="center" />
          </button>
          {index in problems && (
            <div className="jp-ParametersForm-problem">{problems[index]}</div>
          )}
        </div>
      ))}
      <button
        type="button"
        className="jp-Button jp-mod-styled jp-mod-minimal"
        onClick={() => {
          model.rows = [...model.rows, { name: '', value: '' }];
        }}
      >
        {trans.__('Add a parameter')}
      </button>
    </fieldset>
  );
}

function note(model: FormModel, trans: TranslationBundle): string | null {
  const { list } = model;
  if (list.problem) {
    return list.problem;
  }
  return list.cell_index === null
    ? trans.__(
        'No cell of this notebook is tagged “parameters”. Values given here are set in a cell before the first one.'
      )
    : null;
}

/** What concerns all fields. */
function Bar({ model, trans }: IFormProps): JSX.Element {
  const style = 'jp-Button jp-mod-styled jp-mod-minimal';
  return (
    <div className="jp-ParametersForm-bar">
      <button
        type="button"
        className={style}
        disabled={!model.isModified || model.isBusy}
        onClick={() => model.reset()}
      >
        {trans.__('Reset to defaults')}
      </button>
      {model.sweep !== null && model.table === null && (
        <button
          type="button"
          className={style}
          disabled={model.isBusy}
          onClick={() => {
            model.table = '';
          }}
        >
          {trans.__('Values from a table…')}
        </button>
      )}
    </div>
  );
}

function ParametersForm(props: IFormProps): JSX.Element {
  const { model, trans } = props;
  const sentence = note(model, trans);
  return (
    <>
      {props.presets && (
        <PresetBar
          model={props.presets}
          trans={trans}
          disabled={model.isBusy}
        />
      )}
      {sentence && <p className="jp-ParametersForm-note">{sentence}</p>}
      {model.list.parameters.length > 0 && <Fields {...props} />}
      {model.allowsRows && <ExtraRows {...props} />}
      {model.table !== null && <TableField {...props} />}
      {model.sweep !== null && model.isMany && (
        <SweepOptions
          form={model.sweep}
          nVaried={model.varied.n}
          disabled={model.isBusy}
          trans={trans}
        />
      )}
      {props.place && (
        <PlaceField place={props.place} disabled={model.isBusy} trans={trans} />
      )}
      <Bar {...props} />
      <div className="jp-ParametersForm-plan" role="status">
        {model.sweep?.plan &&
          planLabel(model.sweep.plan, trans, model.sweep.isAddition)}
      </div>
      <div className="jp-ParametersForm-message" role="alert">
        {model.message}
      </div>
    </>
  );
}

class FormBody extends ReactWidget {
  constructor(private _props: IFormProps) {
    super();
    this.addClass('jp-ParametersForm');
  }

  protected render(): JSX.Element {
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => <ParametersForm {...this._props} />}
      </UseSignal>
    );
  }
}

/**
 * The parameter form as a dialog that stays open until the server accepts.
 */
export class ParametersDialog extends Dialog<void> {
  /** Create the dialog; `launch()` shows it. */
  constructor(options: ParametersDialog.IOptions) {
    const {
      canBrowse = false,
      model,
      place,
      presets,
      trans,
      translator
    } = options;
    const isAddition = model.sweep?.isAddition ?? false;
    const label = (): string =>
      runLabel(
        model.isMany ? (model.sweep?.plan ?? null) : null,
        trans,
        isAddition
      );
    super({
      title: options.title,
      body: new FormBody({
        model,
        place,
        presets,
        canBrowse,
        trans,
        translator
      }),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: label() })],
      focusNodeSelector: options.focus ?? FIRST_FIELD
    });
    this.addClass('jp-ParametersDialog');
    this._model = model;
    model.changed.connect(() => {
      this._label(label());
      if (model.wish !== null) {
        // JupyterLab shows one dialog at a time: this one comes back.
        super.resolve(CANCEL);
      }
    }, this);
  }

  /** Close on Cancel; on OK only after the server has accepted. */
  override resolve(index = ACCEPT): void {
    if (index !== ACCEPT) {
      super.resolve(index);
      return;
    }
    void this._model.submit().then(accepted => {
      if (accepted) {
        super.resolve(index);
      } else {
        this._focusProblem();
      }
    });
  }

  /** Leave the keys to who asks for the name of a preset. */
  override handleEvent(event: Event): void {
    if (!isForPreset(event)) {
      super.handleEvent(event);
    }
  }

  /** Say on the button what it does. */
  private _label(text: string): void {
    const button = this.node.querySelector('.jp-Dialog-button.jp-mod-accept');
    const label = button?.querySelector('.jp-Dialog-buttonLabel');
    if (button && label && label.textContent !== text) {
      button.setAttribute('aria-label', text);
      label.textContent = text;
    }
  }

  private _focusProblem(): void {
    requestAnimationFrame(() => {
      this.node
        .querySelector<HTMLElement>('[aria-invalid="true"]')
        ?.focus({ preventScroll: false });
    });
  }

  private _model: FormModel;
}

/** A namespace for `ParametersDialog` statics. */
export namespace ParametersDialog {
  /** What the dialog shows. */
  export interface IOptions {
    /** The state of the form. */
    model: FormModel;
    /** What can be filled in at once. */
    presets?: PresetsModel;
    /** Where it can run. */
    place?: PlaceForm;
    /** What is going to run. */
    title: string;
    /** Whether files can be looked for; who shows the form asks for its wish. */
    canBrowse?: boolean;
    /** Selects what has the focus at first; the first field, if left out. */
    focus?: string;
    /** The words. */
    trans: TranslationBundle;
    /** For JupyterLab's own words in the form. */
    translator?: ITranslator;
  }
}

/** Indexes of the buttons. */
const CANCEL = 0;
const ACCEPT = 1;

/** What has the focus at first. */
const FIRST_FIELD = ['fields', 'rows']
  .map(
    part =>
      `.jp-ParametersForm-${part} :is(input, textarea, select, button):enabled`
  )
  .join(',');
