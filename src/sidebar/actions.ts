/**
 * The small buttons of a row: what is done most with an execution or a sweep as it is now.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import {
  addIcon,
  deleteIcon,
  ellipsesIcon,
  refreshIcon,
  stopIcon
} from '@jupyterlab/ui-components';

import type { Execution, SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import { logIcon, starIcon, starredIcon } from '../icons';
import { isFinal } from '../model/labels';

/** A small button of a row. */
export interface IRowAction {
  /** Unique among the buttons of a row. */
  id: string;

  /** What it does. */
  label: string;

  /** How it looks. */
  icon: LabIcon;

  /** Do it. */
  run: (event: { currentTarget: Element }) => void;
}

/** What buttons of a row act through. */
interface IActionOptions<T> {
  run: (command: string, row: T) => void;
  openMenu: (row: T, x: number, y: number) => void;
  trans: TranslationBundle;
}

/** Make the buttons of one row: those that run a command, and the one that opens its menu. */
function makers<T>(
  row: T,
  { openMenu, run, trans }: IActionOptions<T>
): {
  action: (id: string, label: string, icon: LabIcon) => IRowAction;
  more: IRowAction;
} {
  return {
    action: (id, label, icon) => ({
      id,
      label,
      icon,
      run: () => run(id, row)
    }),
    more: {
      id: 'more',
      label: trans.__('More actions'),
      icon: ellipsesIcon,
      run: event => {
        const { left, bottom } = event.currentTarget.getBoundingClientRect();
        openMenu(row, left, bottom);
      }
    }
  };
}

/**
 * The buttons that fit a sweep as it is now.
 *
 * @param sweep - the row.
 * @param options - how to run a command and open the menu.
 */
export function sweepActions(
  sweep: SweepSummary,
  options: IActionOptions<SweepSummary>
): IRowAction[] {
  const { trans } = options;
  const { action, more } = makers(sweep, options);
  if (!isFinal(sweep.status)) {
    return [action(CommandIDs.cancelSweep, trans.__('Cancel'), stopIcon), more];
  }
  const retry = action(
    CommandIDs.retrySweep,
    trans.__('Retry what failed'),
    refreshIcon
  );
  return [
    ...(sweep.status === 'succeeded' ? [] : [retry]),
    action(CommandIDs.addToSweep, trans.__('Add values…'), addIcon),
    action(CommandIDs.deleteSweep, trans.__('Delete'), deleteIcon),
    more
  ];
}

/**
 * The buttons that fit an execution as it is now.
 *
 * @param execution - the row.
 * @param options - how to run a command and open the menu.
 */
export function rowActions(
  execution: Execution,
  options: IActionOptions<Execution>
): IRowAction[] {
  const { trans } = options;
  const { action, more } = makers(execution, options);
  const log = action(CommandIDs.peekLog, trans.__('Peek at the log'), logIcon);
  const star = execution.starred
    ? action(CommandIDs.star, trans.__('Take the star away'), starredIcon)
    : action(CommandIDs.star, trans.__('Star'), starIcon);
  if (!isFinal(execution.status)) {
    const cancel = action(CommandIDs.cancel, trans.__('Cancel'), stopIcon);
    return [log, cancel, star, more];
  }
  return [
    log,
    action(CommandIDs.rerun, trans.__('Run again'), refreshIcon),
    action(CommandIDs.deleteExecution, trans.__('Delete'), deleteIcon),
    star,
    more
  ];
}
