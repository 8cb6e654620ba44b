/** What can be chosen when there is more than one execution, and what it would be. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { SweepPlan } from '../api/types';
import { ChoiceRow } from '../fields/choice';
import { NumberField } from './numberfield';
import { SearchOptions } from './searchoptions';
import type { Mode, ReuseChoice, SweepForm } from './sweepform';

/** From so many on, the first one goes first. */
const CANARY_FROM = 4;

/** What the options need. */
export interface ISweepOptionsProps {
  /** The state. */
  form: SweepForm;
  /** How many things go together: parameters, and a table as one. */
  nVaried: number;
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
  const { disabled, form, nVaried, trans } = props;
  const { choices, mode, plan } = form;
  const [seen, setSeen] = React.useState<SweepPlan | null>(plan);
  if (plan !== null && plan !== seen) {
    setSeen(plan);
  }
  // The last plan bridges the time until the next one: nothing jumps.
  const known = plan ?? seen;
  const isSearch = mode === 'adaptive';
  const isMany = known !== null && known.count + known.n_reused >= 2;
  if (!isMany && !isSearch) {
    return null;
  }
  const canRun = !isSearch || form.search?.isAvailable === true;
  return (
    <fieldset className="jp-ParametersForm-sweep" disabled={disabled}>
      <legend>{trans.__('Several executions')}</legend>
      {(nVaried > 1 || form.search !== null) && (
        <ChoiceRow
          label={trans.__('Try')}
          choices={modes(form, nVaried, trans)}
          value={mode}
          onChange={chosen => form.choose({ mode: chosen, samples: null })}
        />
      )}
      {mode === 'random' && (
        <label>
          <span>{trans.__('How many')}</span>
          <NumberField
            value={form.samples}
            onChange={samples => form.choose({ samples: samples ?? 1 })}
          />
        </label>
      )}
      {isSearch && <SearchOptions form={form} trans={trans} />}
      {!form.isAddition && !isSearch && <ReuseField {...props} />}
      {!form.isAddition && canRun && (
        <label>
          <span>{trans.__('Stop after failures')}</span>
          <NumberField
            value={choices.stopAfter}
            placeholder={trans.__('never')}
            onChange={stopAfter => form.choose({ stopAfter })}
          />
        </label>
      )}
      {!form.isAddition && canRun && (known?.count ?? 0) >= CANARY_FROM && (
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

/** The ways in which values can go together. */
function modes(
  form: SweepForm,
  nVaried: number,
  trans: TranslationBundle
): [Mode, string][] {
  const several: [Mode, string][] = [
    ['grid', trans.__('every value with every other')],
    ['zip', trans.__('first with first, second with second')],
    ['random', trans.__('some of all combinations, at random')]
  ];
  const one: [Mode, string][] = [
    ['grid', trans.__('every value')],
    ['random', trans.__('some of the values, at random')]
  ];
  return [
    ...(nVaried > 1 ? several : one),
    ...(form.search === null
      ? []
      : [
          ['adaptive', trans.__('search for the best, step by step')] as [
            Mode,
            string
          ]
        ])
  ];
}

function ReuseField({ form, trans }: ISweepOptionsProps): JSX.Element {
  const reuses: [ReuseChoice, string][] = [
    ['never', trans.__('no')],
    ['exact', trans.__('if it was exactly the same')],
    ['1', trans.__('… and not older than a day')],
    ['7', trans.__('… and not older than 7 days')],
    ['30', trans.__('… and not older than 30 days')]
  ];
  return (
    <ChoiceRow
      label={trans.__('Skip what ran already')}
      choices={reuses}
      value={form.reuse}
      onChange={reuse => form.choose({ reuse })}
    />
  );
}

/**
 * How long it takes, and what need not run: "about 12 min · 3 ran already".
 *
 * @param plan - what it would be.
 * @param trans - the words.
 * @param isAddition - whether it is added to a sweep that is there.
 */
export function planLabel(
  plan: SweepPlan,
  trans: TranslationBundle,
  isAddition = false
): string {
  const { count, duration_s, n_files, n_new_files, n_reused } = plan;
  const parts: string[] = [];
  if (n_files > 0) {
    parts.push(trans.__('%1 files, %2 new', n_files, n_new_files));
  } else if (n_reused > 0) {
    parts.push(
      isAddition
        ? trans._n(
            '%1 is in the sweep already',
            '%1 are in the sweep already',
            n_reused
          )
        : trans.__('%1 ran already', n_reused)
    );
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
 * @param isAddition - whether it is added to a sweep that is there.
 */
export function runLabel(
  plan: SweepPlan | null,
  trans: TranslationBundle,
  isAddition = false
): string {
  if (isAddition) {
    return plan === null
      ? trans.__('Add')
      : trans._n('Add %1 execution', 'Add %1 executions', plan.count);
  }
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
