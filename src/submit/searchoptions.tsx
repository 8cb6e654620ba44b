/** What is searched for when each execution is chosen by what came of those before it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Goal } from '../api/types';
import { ChoiceRow } from '../fields/choice';
import { NumberField } from './numberfield';
import type { SweepForm } from './sweepform';

/** Names the list of known metrics; there is one form at a time. */
const METRICS_ID = 'jp-ParametersForm-metrics';

/** What the options need. */
export interface ISearchOptionsProps {
  /** The state. */
  form: SweepForm;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * The objective of an adaptive search, how many and how many at once.
 *
 * @param props - the state and the words.
 */
export function SearchOptions({
  form,
  trans
}: ISearchOptionsProps): JSX.Element {
  const { choices, objective, search } = form;
  if (search?.isAvailable === false) {
    return (
      <p className="jp-ParametersForm-note">
        {trans.__(
          'A search needs Optuna, which is not installed where the server runs: %1',
          'pip install "jupyter_async_exec[optuna]"'
        )}
      </p>
    );
  }
  const directions: [Goal['direction'], string][] = [
    ['maximise', trans.__('as large as possible')],
    ['minimise', trans.__('as small as possible')]
  ];
  return (
    <>
      <label>
        <span>{trans.__('Metric')}</span>
        <input
          className="jp-mod-styled"
          list={METRICS_ID}
          spellCheck={false}
          autoComplete="off"
          placeholder={trans.__('name of a metric that the notebook records')}
          value={objective.metric}
          onChange={event =>
            form.choose({
              objective: { ...objective, metric: event.target.value }
            })
          }
        />
      </label>
      <datalist id={METRICS_ID}>
        {search?.metrics.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <ChoiceRow
        label={trans.__('Should become')}
        choices={directions}
        value={objective.direction}
        onChange={direction =>
          form.choose({ objective: { ...objective, direction } })
        }
      />
      <label>
        <span>{trans.__('How many')}</span>
        <NumberField
          value={form.samples}
          onChange={samples => form.choose({ samples: samples ?? 1 })}
        />
      </label>
      <label>
        <span>{trans.__('At once')}</span>
        <NumberField
          value={choices.parallel}
          placeholder={trans.__('as many as there are slots')}
          onChange={parallel => form.choose({ parallel })}
        />
      </label>
    </>
  );
}
