/**
 * The sidebar: the executions, and what can be done with them.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { Execution, SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import { queueIcon } from '../icons';
import { ExecutionLog } from '../model/executionlog';
import { isFinal, numbersLabel, statusLabel } from '../model/labels';
import { isGrouped } from '../model/filter';
import type { UnseenModel } from '../model/unseen';
import type { IColumnRegistry, IExecutionsModel, ISweeps } from '../tokens';
import { rowActions, sweepActions } from './actions';
import { showUnseen } from './badge';
import { Choosing } from './choosing';
import { ChosenBar } from './chosenbar';
import type { ListControls } from './controls';
import { Header } from './header';
import { LogView } from './logview';
import { Menus } from './menus';
import { Empty, Messages } from './messages';
import type { IRowRef } from './places';
import type { IRowContext } from './row';
import { Rows } from './rows';
import { actOnKey } from './shortcuts';
import type { SidebarState } from './state';

/** Milliseconds between two looks at the log that is open. */
const LOG_INTERVAL_MS = 1000;

/** So much of it is kept. */
const LOG_CHARACTERS = 200_000;

/** The panel in the sidebar. */
export class ExecutionsPanel extends ReactWidget {
  /**
   * @param options - what it shows.
   */
  constructor(options: ExecutionsPanel.IOptions) {
    super();
    this._options = options;
    const { columns, controls, model, state, trans, unseen } = options;
    this._choosing = new Choosing(state, () => model.executions);
    this._menus = new Menus(options.commands, state);
    this.id = 'jupyter-async-exec-sidebar';
    this.addClass('jp-ExecutionsPanel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Executions'));
    this.title.icon = queueIcon;
    this.title.caption = trans.__('Executions');
    model.changed.connect(this._onChanged, this);
    model.finished.connect(this._onFinished, this);
    model.sweeps.over.connect(this._onSweepOver, this);
    state.changed.connect(this._onStateChanged, this);
    controls.changed.connect(this._onChanged, this);
    columns.changed.connect(this._onChanged, this);
    unseen.changed.connect(this._onUnseenChanged, this);
    document.addEventListener('visibilitychange', this._onVisibility);
    this._onUnseenChanged();
  }

  /** Whether somebody can see the panel now. */
  get isLookedAt(): boolean {
    return this.isVisible && document.visibilityState === 'visible';
  }

  /** Give the focus to the selected row, or else to the first. */
  async focusList(): Promise<void> {
    MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
    await this.renderPromise;
    // The command palette gives the focus back to where it was: after that.
    requestAnimationFrame(() => {
      const row = this.node.querySelector<HTMLElement>(
        '[data-row] > button[tabindex="0"]'
      );
      (row ?? this.node.querySelector('button'))?.focus();
    });
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    cancelAnimationFrame(this._frame);
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._log?.dispose();
    this._menus.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._onVisibility();
  }

  protected override onUpdateRequest(msg: Message): void {
    if (this.isVisible) {
      super.onUpdateRequest(msg);
    }
  }

  protected override render(): JSX.Element {
    const { controls, model, state, trans, unseen } = this._options;
    const { executions } = model;
    const empty = executions.length === 0 || controls.lacksNotebook;
    const log = this._log;
    const read = log === null ? undefined : model.find(log.id);
    return (
      <>
        <Header
          controls={controls}
          openMenu={(x, y) => void this._menus.openOwn(model.client, x, y)}
          trans={trans}
        />
        <Messages
          model={model}
          unseen={unseen}
          state={state}
          trans={trans}
          onUndo={() => this._run(CommandIDs.undoDelete)}
        />
        <div className="jp-ExecutionsPanel-hidden" role="status">
          {this._announcement}
        </div>
        <ChosenBar
          n={state.chosenIds.size}
          onCompare={() => this._compare()}
          onClear={() => state.choose([])}
          trans={trans}
        />
        {empty ? (
          <Empty model={model} controls={controls} trans={trans} />
        ) : (
          <Rows
            key={JSON.stringify(model.filter)}
            rows={executions}
            context={this._context()}
            now={() => model.now()}
            label={trans.__('Executions, newest first')}
            selected={this._selected()}
            chosenIds={state.chosenIds}
            isOpen={id => model.sweeps.isOpen(id)}
            renamingId={state.renamingId}
            focusRequests={state.focusRequests}
            onLook={(first, end) => model.look(first, end)}
            onMove={row => state.focus(row.id, row.within)}
            onExtend={(from, to) => this._choosing.extend(from, to)}
            onKey={(place, key) =>
              actOnKey(place, key, {
                state,
                run: (command, id) => this._run(command, id),
                runForSweep: (command, id) => this._runForSweep(command, id),
                isOpen: id => model.sweeps.isOpen(id),
                toggle: sweep => this._toggle(sweep)
              })
            }
            onMenu={(place, x, y) => this._menus.openAt(place, x, y)}
          />
        )}
        {log !== null && (
          <LogView
            key={log.id}
            log={log}
            number={read?.number ?? 0}
            isOver={read !== undefined && isFinal(read.status)}
            trans={trans}
            onClose={() => this._closeLog()}
          />
        )}
      </>
    );
  }

  /** The same object as long as it says the same: rows need no new look. */
  private _context(): IRowContext {
    const { columns, controls, model, state, trans } = this._options;
    const isOneNotebook = controls.scope === 'notebook';
    const last = this._lastContext;
    if (
      last?.columns === columns.columns &&
      last.isOneNotebook === isOneNotebook
    ) {
      return last;
    }
    this._lastContext = {
      trans,
      columns: columns.columns,
      isOneNotebook,
      usualDuration: path => model.usualDuration(path),
      actions: execution =>
        rowActions(execution, {
          trans,
          run: (command, { id }) => this._run(command, id),
          openMenu: (...where) => this._menus.openFor(...where)
        }),
      sweepActions: sweep =>
        sweepActions(sweep, {
          trans,
          run: (command, { id }) => this._runForSweep(command, id),
          openMenu: (...where) => this._menus.openForSweep(...where)
        }),
      onOpen: ({ id }) => {
        state.choose([]);
        this._run(CommandIDs.open, id);
      },
      onChoose: (row, how) =>
        how === 'one'
          ? this._choosing.toggle(row)
          : this._choosing.range(this._selected() ?? row, row),
      onSelect: ({ id }, within) => state.select(id, within),
      onSelectSweep: ({ id }) => state.select(id),
      onToggle: sweep => this._toggle(sweep),
      onRename: (execution, title) => void this._rename(execution, title)
    };
    return this._lastContext;
  }

  /** The row the keys act on. */
  private _selected(): IRowRef | null {
    const { model, state } = this._options;
    const id = state.selectedId;
    if (id === null) {
      return null;
    }
    const first = model.sweeps.find(id)?.first_number;
    if (typeof first === 'number') {
      return { id, number: first, within: null };
    }
    const execution = model.find(id);
    if (execution === undefined) {
      return null;
    }
    const { number, sweep_id } = execution;
    // Told of by number alone, an execution of a sweep is the one below it.
    const within = state.within ?? (isGrouped(model.filter) ? sweep_id : null);
    return { id, number, within };
  }

  private _toggle({ id }: SweepSummary): void {
    const { sweeps } = this._options.model;
    sweeps.setOpen(id, !sweeps.isOpen(id));
  }

  private _runForSweep(command: string, sweep: string): void {
    const { commands, state } = this._options;
    state.complain(null);
    if (commands.isEnabled(command, { sweep })) {
      void commands.execute(command, { sweep });
    }
  }

  private _run(command: string, id?: string): void {
    const { commands, state } = this._options;
    state.complain(null);
    if (commands.hasCommand(command)) {
      void commands.execute(command, id === undefined ? {} : { id });
    }
  }

  /** Show what is chosen side by side. */
  private _compare(): void {
    const { commands, state } = this._options;
    void commands.execute(CommandIDs.compare, { ids: [...state.chosenIds] });
  }

  private async _rename(
    execution: Execution,
    title: string | null
  ): Promise<void> {
    const { model, state } = this._options;
    const text = title?.trim() ?? '';
    state.rename(null);
    state.focus(execution.id);
    if (text === '' || text === execution.title) {
      return;
    }
    try {
      model.submitted(await model.client.edit(execution.id, { title: text }));
    } catch (error) {
      state.complain(String((error as Error).message));
    }
  }

  private _closeLog(): void {
    const { state } = this._options;
    const id = state.peekedId;
    state.peek(null);
    if (id !== null) {
      state.focus(id);
    }
  }

  private _onStateChanged(): void {
    const { model, state } = this._options;
    const { peekedId } = state;
    if (peekedId !== (this._log?.id ?? null)) {
      this._log?.dispose();
      this._log = null;
      if (peekedId !== null) {
        this._log = new ExecutionLog({
          id: peekedId,
          client: model.client,
          intervalMs: LOG_INTERVAL_MS,
          keptCharacters: LOG_CHARACTERS,
          isRead: () => this.isLookedAt
        });
        this._log.changed.connect(this._onChanged, this);
        this._log.start();
      }
    }
    this.update();
  }

  private _onSweepOver(_: ISweeps, sweep: SweepSummary): void {
    const { trans } = this._options;
    const status = statusLabel(sweep.status, trans);
    const numbers = numbersLabel(sweep);
    this._announcement = trans.__('Sweep %1: %2', numbers, status);
    this._onChanged();
  }

  private _onFinished(_: IExecutionsModel, execution: Execution): void {
    const { trans } = this._options;
    if (execution.sweep_id !== null) {
      // Dozens that end one after the other would talk without end.
      return;
    }
    const status = statusLabel(execution.status, trans);
    this._announcement = trans.__('#%1: %2', execution.number, status);
    this._onChanged();
  }

  private _onUnseenChanged(): void {
    const { trans, unseen } = this._options;
    if (this.isLookedAt && unseen.count > 0) {
      unseen.look();
      return;
    }
    showUnseen(this.title, unseen.count, trans);
    this._onChanged();
  }

  /** However much is new: one picture of it. */
  private _onChanged(): void {
    if (this._frame === 0 && this.isVisible) {
      this._frame = requestAnimationFrame(() => {
        this._frame = 0;
        MessageLoop.sendMessage(this, Widget.Msg.UpdateRequest);
      });
    }
  }

  private _onVisibility = (): void => {
    if (this.isLookedAt) {
      this._options.unseen.look();
      this._onChanged();
    }
  };

  private _announcement = '';
  private _choosing: Choosing;
  private _frame = 0;
  private _lastContext: IRowContext | null = null;
  private _log: ExecutionLog | null = null;
  private _menus: Menus;
  private _options: ExecutionsPanel.IOptions;
}

/** A namespace for `ExecutionsPanel` statics. */
export namespace ExecutionsPanel {
  /** What the panel shows. */
  export interface IOptions {
    /** The executions. */
    model: IExecutionsModel;

    /** What ended and was not looked at. */
    unseen: UnseenModel;

    /** What is selected, being renamed, read or deleted. */
    state: SidebarState;

    /** What is asked for. */
    controls: ListControls;

    /** The values at the right of each row. */
    columns: IColumnRegistry;

    /** What can be done. */
    commands: CommandRegistry;

    /** The words. */
    trans: TranslationBundle;
  }
}
