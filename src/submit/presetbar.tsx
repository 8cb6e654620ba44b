/** The line above the parameter form: choose, save and delete presets. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { PresetsModel } from './presets';

/** What the line shows. */
export interface IPresetBarProps {
  model: PresetsModel;
  trans: TranslationBundle;
  disabled: boolean;
}

/**
 * Choose, save and delete presets.
 *
 * @param props - The presets and the words.
 */
export function PresetBar(props: IPresetBarProps): JSX.Element {
  return (
    <UseSignal signal={props.model.changed}>
      {() => <Bar {...props} />}
    </UseSignal>
  );
}

function Bar(props: IPresetBarProps): JSX.Element {
  const { model, trans } = props;
  const { draft } = model;
  const save = React.useRef<HTMLButtonElement>(null);
  const before = React.useRef(draft);
  React.useEffect(() => {
    // The field that had the focus is gone, and the dialog needs it for its keys.
    if (before.current !== null && draft === null) {
      save.current?.focus();
    }
    before.current = draft;
  });
  return (
    <fieldset
      className="jp-ParametersForm-presets"
      aria-label={trans.__('Presets')}
      disabled={props.disabled}
    >
      {draft === null ? (
        <Choice {...props} save={save} />
      ) : (
        <NameOfNew {...props} name={draft} />
      )}
      <div className="jp-ParametersForm-presetMessage" role="status">
        {model.message}
      </div>
    </fieldset>
  );
}

/**
 * Whether a key is for the name of a preset, and not for the dialog around it.
 *
 * @param event - Any event.
 */
export function isForPreset(event: Event): boolean {
  return (
    event instanceof KeyboardEvent &&
    (event.key === 'Enter' || event.key === 'Escape') &&
    event.target instanceof Element &&
    event.target.matches('.jp-ParametersForm-presetName')
  );
}

function Choice({
  model,
  save,
  trans
}: IPresetBarProps & {
  save: React.RefObject<HTMLButtonElement>;
}): JSX.Element {
  const { chosen } = model;
  return (
    <>
      <HTMLSelect
        aria-label={trans.__('Preset')}
        value={chosen?.name ?? ''}
        disabled={model.presets.length === 0}
        onChange={event => model.apply(event.target.value)}
      >
        <option value="">
          {model.presets.length === 0
            ? trans.__('No presets')
            : trans.__('Presets…')}
        </option>
        {model.presets.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </HTMLSelect>
      <Button
        label={trans.__('Save as…')}
        buttonRef={save}
        run={() => {
          model.draft = chosen?.name ?? '';
        }}
      />
      {chosen && (
        <Button
          label={trans.__('Delete')}
          description={trans.__('Delete the preset %1', chosen.name)}
          run={() => {
            save.current?.focus();
            void model.remove();
          }}
        />
      )}
    </>
  );
}

function NameOfNew({
  model,
  name,
  trans
}: IPresetBarProps & { name: string }): JSX.Element {
  return (
    <>
      <input
        className="jp-mod-styled jp-ParametersForm-presetName"
        aria-label={trans.__('Name of the preset')}
        placeholder={trans.__('name of the preset')}
        autoFocus
        spellCheck={false}
        value={name}
        onChange={event => {
          model.draft = event.target.value;
        }}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            void model.save();
          } else if (event.key === 'Escape') {
            model.draft = null;
          }
        }}
      />
      <Button
        label={model.replaces ? trans.__('Replace') : trans.__('Save')}
        description={
          model.replaces
            ? trans.__('Replace the preset %1', model.replaces.name)
            : trans.__('Save as a preset')
        }
        run={() => void model.save()}
      />
      <Button
        label={trans.__('Back')}
        description={trans.__('Do not save a preset')}
        run={() => {
          model.draft = null;
        }}
      />
    </>
  );
}

function Button(props: {
  label: string;
  description?: string;
  buttonRef?: React.RefObject<HTMLButtonElement>;
  run: () => void;
}): JSX.Element {
  return (
    <button
      ref={props.buttonRef}
      type="button"
      className="jp-Button jp-mod-styled jp-mod-minimal"
      title={props.description}
      aria-label={props.description}
      onClick={props.run}
    >
      {props.label}
    </button>
  );
}
