/**
 * Tells through the operating system while the page is hidden.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';

import type { Execution, SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import type { INotifier } from '../tokens';
import { noticeText, sweepText } from './text';

/** A notification of the operating system. */
export class DesktopNotifier implements INotifier {
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

  readonly id = 'desktop';

  /** Whether the person asked for them. */
  isEnabled = false;

  canNotify(): boolean {
    return (
      this.isEnabled &&
      document.visibilityState === 'hidden' &&
      isSupported() &&
      window.Notification.permission === 'granted'
    );
  }

  notify(executions: readonly Execution[]): void {
    const [{ id }] = executions;
    this._show(noticeText(executions, this._trans), id, () =>
      executions.length === 1
        ? this._commands.execute(CommandIDs.open, { id })
        : this._commands.execute(CommandIDs.showExecutions)
    );
  }

  notifySweep(sweep: SweepSummary): void {
    this._show(sweepText(sweep, this._trans), sweep.id, () =>
      this._commands.execute(CommandIDs.showExecutions)
    );
  }

  /**
   * Ask the browser for permission; call it from a click only.
   *
   * @returns Whether notifications may be shown.
   */
  async requestPermission(): Promise<boolean> {
    return (
      isSupported() &&
      (await window.Notification.requestPermission()) === 'granted'
    );
  }

  private _show(text: string, id: string, open: () => Promise<unknown>): void {
    // The same tag in several tabs is one notification.
    const tag = `jupyter-async-exec:${id}`;
    const notification = new window.Notification(text, { tag });
    notification.onclick = () => {
      window.focus();
      notification.close();
      void open();
    };
  }

  private _commands: CommandRegistry;
  private _trans: TranslationBundle;
}

/** Pages without https have no notifications. */
function isSupported(): boolean {
  return 'Notification' in window;
}
