/**
 * What can be done with an execution, from its buttons and its menu.
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
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { Menu } from '@lumino/widgets';

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

/** What the entries of a row's menu are, group by group. */
const MENU_GROUPS: readonly (readonly string[])[] = [
  [CommandIDs.open, CommandIDs.openSource, CommandIDs.peekLog],
  [
    CommandIDs.cancel,
    CommandIDs.rerun,
    CommandIDs.rerunWithParameters,
    CommandIDs.copyParameters
  ],
  [CommandIDs.compareWithBefore],
  [CommandIDs.restore, CommandIDs.rename, CommandIDs.star],
  [CommandIDs.deleteExecution]
];

/** The same for the row of a sweep. */
const SWEEP_MENU_GROUPS: readonly (readonly string[])[] = [
  [CommandIDs.compare, CommandIDs.collectSweep],
  [CommandIDs.cancelSweep, CommandIDs.stopSweep],
  [CommandIDs.retrySweep, CommandIDs.addToSweep],
  [CommandIDs.copyNumbers],
  [CommandIDs.deleteSweep]
];

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

/**
 * Fill a menu with what can be done with an execution.
 *
 * @param menu - the menu.
 * @param commands - where the commands are; those that are not there are left out.
 * @param execution - the row.
 */
export function fillMenu(
  menu: Menu,
  commands: CommandRegistry,
  execution: Execution
): void {
  fill(menu, commands, MENU_GROUPS, { id: execution.id });
}

/**
 * Fill a menu with what can be done with a sweep.
 *
 * @param menu - the menu.
 * @param commands - where the commands are; those that are not there are left out.
 * @param sweep - the row.
 */
export function fillSweepMenu(
  menu: Menu,
  commands: CommandRegistry,
  sweep: SweepSummary
): void {
  fill(menu, commands, SWEEP_MENU_GROUPS, { sweep: sweep.id });
}

function fill(
  menu: Menu,
  commands: CommandRegistry,
  groups: readonly (readonly string[])[],
  args: ReadonlyJSONObject
): void {
  menu.clearItems();
  for (const group of groups) {
    const present = group.filter(command => commands.hasCommand(command));
    if (present.length > 0 && menu.items.length > 0) {
      menu.addItem({ type: 'separator' });
    }
    present.forEach(command => menu.addItem({ command, args }));
  }
}

/**
 * Fill a menu with what concerns all executions.
 *
 * @param menu - the menu.
 * @param commands - where the commands are; those that are not there are left out.
 * @param usedBytes - the room that executions take; null while nobody knows.
 */
export function fillOwnMenu(
  menu: Menu,
  commands: CommandRegistry,
  usedBytes: number | null
): void {
  menu.clearItems();
  for (const command of [CommandIDs.freeSpace, CommandIDs.changeSlots]) {
    if (commands.hasCommand(command)) {
      menu.addItem({ command, args: { usedBytes } });
    }
  }
}
