/** What can be chosen when there is more than one execution, and what it would be. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { SweepPlan } from '../api/types';
import type { Mode, ReuseChoice, SweepForm } from './sweepform';

/** From so many on, the first one goes first. */
const CANARY_FROM = 4;

/** What the options need. */
export interface ISweepOptionsProps {
  /** The state. */
  form: SweepForm;
  /** How many parameters have several values. */
  nSeveral: number;
  /** Whether the answer of the server is awaited. */
  disabled: boolean;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * The options of a sweep; nothing while there is one execution.
 *
 * @param props - the state and the words.
 */
export function SweepOptions(props: ISweepOptionsProps): JSX.Element | null {
  const { disabled, form, nSeveral, trans } = props;
  const { choices, plan } = form;
  const [seen, setSeen] = React.useState<SweepPlan | null>(plan);
  if (plan !== null && plan !== seen) {
    setSeen(plan);
  }
  // The last plan bridges the time until the next one: nothing jumps.
  const known = plan ?? seen;
  if (known === null || known.count + known.n_reused < 2) {
    return null;
  }
  const modes: [Mode, string][] = [
    ['grid', trans.__('every value with every other')],
    ['zip', trans.__('first with first, second with second')],
    ['random', trans.__('some of all combinations, at random')]
  ];
  const reuses: [ReuseChoice, string][] = [
    ['never', trans.__('no')],
    ['exact', trans.__('if it was exactly the same')],
    ['1', trans.__('… and not older than a day')],
    ['7', trans.__('… and not older than 7 days')],
    ['30', trans.__('… and not older than 30 days')]
  ];
  return (
    <fieldset className="jp-ParametersForm-sweep" disabled={disabled}>
      <legend>{trans.__('Several executions')}</legend>
      {nSeveral > 1 && (
        <label>
          <span>{trans.__('Combine')}</span>
          <select
            className="jp-mod-styled"
            value={choices.mode}
            onChange={event =>
              form.choose({ mode: event.target.value as Mode })
            }
          >
            {modes.map(([mode, label]) => (
              <option key={mode} value={mode}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {choices.mode === 'random' && (
        <label>
          <span>{trans.__('How many')}</span>
          <NumberField
            value={choices.samples}
            onChange={samples => form.choose({ samples: samples ?? 1 })}
          />
        </label>
      )}
      <label>
        <span>{trans.__('Skip what ran already')}</span>
        <select
          className="jp-mod-styled"
          value={form.reuse}
          onChange={event =>
            form.choose({ reuse: event.target.value as ReuseChoice })
          }
        >
          {reuses.map(([choice, label]) => (
            <option key={choice} value={choice}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{trans.__('Stop after failures')}</span>
        <NumberField
          value={choices.stopAfter}
          placeholder={trans.__('never')}
          onChange={stopAfter => form.choose({ stopAfter })}
        />
      </label>
      {known.count >= CANARY_FROM && (
        <label className="jp-mod-switch">
          <input
            type="checkbox"
            checked={choices.canary ?? true}
            onChange={event => form.choose({ canary: event.target.checked })}
          />
          <span>
            {trans.__('The first one alone; the others when it has succeeded')}
          </span>
        </label>
      )}
    </fieldset>
  );
}

/**
 * How long it takes, and what need not run: "about 12 min · 3 ran already".
 *
 * @param plan - what it would be.
 * @param trans - the words.
 */
export function planLabel(plan: SweepPlan, trans: TranslationBundle): string {
  const { count, duration_s, n_files, n_reused } = plan;
  const parts: string[] = [];
  if (n_files > 0) {
    parts.push(trans.__('%1 files, %2 new', n_files, count));
  } else if (n_reused > 0) {
    parts.push(trans.__('%1 ran already', n_reused));
  }
  if (duration_s !== null && count > 0) {
    parts.push(aboutLabel(duration_s, trans));
  }
  return parts.join(' · ');
}

/**
 * What the button says.
 *
 * @param plan - what it would be; null for one execution.
 * @param trans - the words.
 */
export function runLabel(
  plan: SweepPlan | null,
  trans: TranslationBundle
): string {
  return plan === null
    ? trans.__('Run as experiment')
    : trans._n('Run %1 execution', 'Run %1 executions', plan.count);
}

function aboutLabel(seconds: number, trans: TranslationBundle): string {
  if (seconds < 90) {
    return trans.__('about %1 s', Math.max(1, Math.round(seconds)));
  }
  return seconds < 90 * 60
    ? trans.__('about %1 min', Math.round(seconds / 60))
    : trans.__('about %1 h', Math.round(seconds / 3600));
}

function NumberField(props: {
  value: number | null;
  placeholder?: string;
  onChange: (value: number | null) => void;
}): JSX.Element {
  return (
    <input
      className="jp-mod-styled"
      type="number"
      min={1}
      placeholder={props.placeholder}
      value={props.value ?? ''}
      onChange={event => {
        const value = Math.floor(Number(event.target.value));
        props.onChange(value >= 1 ? value : null);
      }}
    />
  );
}
