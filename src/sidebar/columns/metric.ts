/**
 * The metric that counts for the notebook.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import { metricLabel } from '../../model/goals';
import type { IColumn, IGoals } from '../../tokens';

/**
 * The column of the key metric; empty while nobody named one.
 *
 * @param goals - which metric counts.
 * @param trans - the words.
 */
export function metricColumn(goals: IGoals, trans: TranslationBundle): IColumn {
  return {
    id: 'metric',
    label: trans.__('The metric that counts'),
    rank: 50,
    render: ({ metrics, notebook_path }) => {
      const goal = goals.find(notebook_path);
      const value = goal === null ? undefined : metrics[goal.metric];
      return value === undefined ? null : metricLabel(value);
    }
  };
}
