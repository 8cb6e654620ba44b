/**
 * How long an execution runs or ran.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { clockLabel, isFinal, runSeconds, tookLabel } from '../../model/labels';
import type { IColumn } from '../../tokens';

/**
 * The duration column.
 *
 * @param trans - the words.
 */
export function durationColumn(trans: TranslationBundle): IColumn {
  return {
    id: 'duration',
    label: trans.__('Duration'),
    rank: 100,
    render: (execution, now) => {
      const seconds = runSeconds(execution, now);
      if (seconds === null) {
        return null;
      }
      // What still runs counts whole seconds.
      return isFinal(execution.status)
        ? tookLabel(seconds)
        : clockLabel(seconds);
    }
  };
}
