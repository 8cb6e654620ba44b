/**
 * The menus of the sidebar: of an execution, of a sweep, and of the panel itself.
 */
import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { Menu } from '@lumino/widgets';

import type { IExecutionsClient } from '../api/client';
import type { Execution, SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import type { IListPlace } from '../tokens';
import type { SidebarState } from './state';

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

/** Opens menus, one at a time. */
export class Menus implements IDisposable {
  /**
   * @param _commands - what the menus offer; what is not there is left out.
   * @param _state - the row of a menu is selected.
   */
  constructor(
    private _commands: CommandRegistry,
    private _state: SidebarState
  ) {
    this._menu = new MenuSvg({ commands: _commands });
  }

  /** Whether there are no menus any more. */
  get isDisposed(): boolean {
    return this._menu.isDisposed;
  }

  /** Let go of them. */
  dispose(): void {
    this._menu.dispose();
  }

  /** Open the menu of whatever stands at a place, there where the pointer is. */
  openAt({ execution, sweep, within }: IListPlace, x: number, y: number): void {
    if (sweep !== null) {
      this.openForSweep(sweep, x, y);
    } else if (execution !== null) {
      this._state.select(execution.id, within);
      this._openFor(execution, x, y);
    }
  }

  /** Open the menu of an execution. */
  openFor(execution: Execution, x: number, y: number): void {
    if (this._state.selectedId !== execution.id) {
      this._state.select(execution.id);
    }
    this._openFor(execution, x, y);
  }

  /** Open the menu of a sweep. */
  openForSweep(sweep: SweepSummary, x: number, y: number): void {
    this._state.select(sweep.id);
    fillSweepMenu(this._menu, this._commands, sweep);
    this._menu.open(x, y);
  }

  /** Open the menu of what concerns all executions. */
  async openOwn(
    client: Pick<IExecutionsClient, 'getStatus'>,
    x: number,
    y: number
  ): Promise<void> {
    const used = await client
      .getStatus()
      .then(({ disk }) => disk.used_bytes)
      .catch(() => null);
    fillOwnMenu(this._menu, this._commands, used);
    this._menu.open(x, y);
  }

  private _openFor({ id }: Execution, x: number, y: number): void {
    fill(this._menu, this._commands, MENU_GROUPS, { id });
    this._menu.open(x, y);
  }

  private _menu: MenuSvg;
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

/** Fill a menu with what concerns all executions, and the room that they take, if known. */
function fillOwnMenu(
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
