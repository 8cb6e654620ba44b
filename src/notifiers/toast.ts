/**
 * Tells in a corner of the page.
 */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { Execution, SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import type { INotifier } from '../tokens';
import { noticeText, sweepText } from './text';

/** How long a good message stays. */
const AUTO_CLOSE_MS = 5000;

/** A toast of JupyterLab. */
export class ToastNotifier implements INotifier {
  /**
   * @param options - how to open a result, and the words.
   */
  constructor(options: {
    commands: CommandRegistry;
    trans: TranslationBundle;
  }) {
    this._commands = options.commands;
    this._trans = options.trans;
  }

  readonly id = 'toast';

  /** Whether toasts are wanted at all. */
  isEnabled = true;

  canNotify(): boolean {
    return document.visibilityState === 'visible';
  }

  notify(executions: readonly Execution[]): void {
    if (!this.isEnabled) {
      return;
    }
    const failed = executions.some(({ status }) => status === 'failed');
    const succeeded = executions.every(({ status }) => status === 'succeeded');
    const type = failed ? 'error' : succeeded ? 'success' : 'info';
    Notification.emit(noticeText(executions, this._trans), type, {
      autoClose: failed ? false : AUTO_CLOSE_MS,
      actions: [this._action(executions)]
    });
  }

  notifySweep(sweep: SweepSummary): void {
    if (!this.isEnabled) {
      return;
    }
    const failed = sweep.counts.failed > 0;
    const type = sweep.status === 'cancelled' ? 'info' : 'success';
    Notification.emit(sweepText(sweep, this._trans), failed ? 'error' : type, {
      autoClose: failed ? false : AUTO_CLOSE_MS,
      actions: [this._openList()]
    });
  }

  private _action(executions: readonly Execution[]): Notification.IAction {
    const trans = this._trans;
    if (executions.length > 1) {
      return this._openList();
    }
    const [{ id, number }] = executions;
    return {
      label: trans.__('Open'),
      caption: trans.__('Open the result of #%1', number),
      displayType: 'accent',
      callback: () => void this._commands.execute(CommandIDs.open, { id })
    };
  }

  private _openList(): Notification.IAction {
    return {
      label: this._trans.__('Open'),
      caption: this._trans.__('Open the list of executions'),
      displayType: 'accent',
      callback: () => void this._commands.execute(CommandIDs.showExecutions)
    };
  }

  private _commands: CommandRegistry;
  private _trans: TranslationBundle;
}
