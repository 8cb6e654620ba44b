/**
 * The count on the sidebar's icon: results that nobody looked at.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Title, Widget } from '@lumino/widgets';

/** Marks the icon while there are any. */
const BADGE = 'jp-ExecutionsPanel-unseen';

/** More are not counted on an icon. */
const MOST_COUNTED = 99;

/**
 * Show the count, or that there is none.
 *
 * @param title - the title of the panel.
 * @param count - of new results.
 * @param trans - the words.
 */
export function showUnseen(
  title: Title<Widget>,
  count: number,
  trans: TranslationBundle
): void {
  const classes = title.className.split(' ').filter(name => name !== BADGE);
  // Merged: JupyterLab keeps its own `data-id` in the same place.
  title.dataset = {
    ...title.dataset,
    unseen: count > MOST_COUNTED ? `${MOST_COUNTED}+` : String(count)
  };
  title.className = [...classes, ...(count > 0 ? [BADGE] : [])]
    .join(' ')
    .trim();
  title.caption =
    count > 0
      ? trans._n(
          'Executions (%1 new result)',
          'Executions (%1 new results)',
          count
        )
      : trans.__('Executions');
}
