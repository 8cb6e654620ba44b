/**
 * How long an execution runs or ran.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { clockLabel, runSeconds } from '../../model/labels';
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
      return seconds === null ? null : clockLabel(seconds);
    }
  };
}
