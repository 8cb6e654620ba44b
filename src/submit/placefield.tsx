/** The field in which people choose where a notebook runs. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { Backend } from '../api/types';
import { ChoiceRow } from '../fields/choice';
import { LOCAL } from '../model/labels';
import type { PlaceForm } from './place';

/** Of these there are whole ones only. */
const GPU = 'GPU';

/** What the field needs. */
export interface IPlaceFieldProps {
  /** The state. */
  place: PlaceForm;
  /** Whether the answer of the server is awaited. */
  disabled: boolean;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * Where to run; nothing where there is but one place.
 *
 * @param props - the state and the words.
 */
export function PlaceField(props: IPlaceFieldProps): JSX.Element {
  return (
    <UseSignal signal={props.place.changed}>
      {() => (props.place.isShown ? <Shown {...props} /> : null)}
    </UseSignal>
  );
}

function Shown({ disabled, place, trans }: IPlaceFieldProps): JSX.Element {
  return (
    <fieldset className="jp-ParametersForm-place" disabled={disabled}>
      {place.hasSeveral && (
        <ChoiceRow
          label={trans.__('Where')}
          choices={place.able.map(backend => [
            backend.name,
            placeLabel(backend, trans)
          ])}
          value={place.chosen}
          onChange={name => place.choose(name)}
        />
      )}
      {Object.entries(place.offered).map(([name, most]) => (
        <label key={name}>
          <span>{resourceLabel(name, most, trans)}</span>
          <input
            className="jp-mod-styled"
            type="number"
            min={0}
            max={most}
            step={name === GPU ? 1 : 'any'}
            placeholder={trans.__('not reserved')}
            value={place.resources[name] ?? ''}
            onChange={event => {
              const amount = Number(event.target.value);
              const whole = name === GPU ? Math.floor(amount) : amount;
              place.ask(name, whole > 0 ? whole : null);
            }}
          />
        </label>
      ))}
      {place.unable.length > 0 && (
        <ul aria-label={trans.__('Where it cannot run')}>
          {place.unable.map(({ name, why_not }) => (
            <li key={name}>
              {trans.__('%1: %2', placeName(name, trans), why_not ?? '')}
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}

/**
 * What a backend is called: "this machine", "gpu box".
 *
 * @param name - its name.
 * @param trans - the words.
 */
export function placeName(name: string, trans: TranslationBundle): string {
  return name === LOCAL ? trans.__('this machine') : name;
}

/** Of a resource, and how much of it there is. */
function resourceLabel(
  name: string,
  most: number,
  trans: TranslationBundle
): string {
  switch (name) {
    case GPU:
      return trans.__('GPUs (of %1)', most);
    case 'memory_gb':
      return trans.__('Memory in GB (of %1)', Math.floor(most * 10) / 10);
    default:
      return trans.__('%1 (of %2)', name, most);
  }
}

function placeLabel(backend: Backend, trans: TranslationBundle): string {
  const { running, slots } = backend;
  const name = placeName(backend.name, trans);
  const free = Math.max(0, slots - running);
  return free > 0
    ? trans._n(
        '%2: %1 slot, %3 free',
        '%2: %1 slots, %3 free',
        slots,
        name,
        free
      )
    : trans.__('%1: no slot free now', name);
}
