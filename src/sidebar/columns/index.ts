/**
 * The columns that come with this package, one line each.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IColumn } from '../../tokens';
import { durationColumn } from './duration';

/**
 * All our columns.
 *
 * @param trans - the words.
 */
export function defaultColumns(trans: TranslationBundle): IColumn[] {
  return [durationColumn(trans)];
}
