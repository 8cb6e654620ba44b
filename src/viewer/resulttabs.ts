/** The open result tabs: each gets its receipt, and none a kernel. */
import { Clipboard } from '@jupyterlab/apputils';
import { isCodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { disarm } from '../disarm';
import { ExecutionLog } from '../model/executionlog';
import type { IExecutionsModel, IResultTracker } from '../tokens';
import { ReceiptHeader } from './header';
import { LiveNotebook } from './livenotebook';
import { MetricsModel } from './metricsmodel';
import type { IResultPath } from './paths';
import { parseResultPath } from './paths';
import { ReceiptModel } from './receiptmodel';
import type { IReceiptActions } from './receiptview';
import { keepSealed } from './seal';

/** What result tabs need. */
export interface IResultTabsOptions {
  /** Where news comes from. */
  executions: IExecutionsModel;
  /** Where notebooks are read from. */
  contents: Contents.IManager;
  /** What a receipt can ask of the rest of the application, by execution id. */
  actions: {
    openSource: (id: string, panel: NotebookPanel) => void;
    preview: (id: string, name: string) => void;
    open: (id: string) => void;
    rerun: (id: string) => void;
    restore: (id: string) => void;
    compare: (numbers: readonly number[]) => void;
  };
  /** The words. */
  trans: TranslationBundle;
}

/** Milliseconds between two looks at a log. */
const LOG_INTERVAL_MS = 2000;

/** So much of it is kept. */
const LOG_CHARACTERS = 500_000;

/** When to look whether the failing cell is in sight, one after the other. */
const SETTLING_MS = [300, 700];

/** Knows the open result tabs. */
export class ResultTabs implements IResultTracker {
  /** Create it; `add` every notebook that opens. */
  constructor(private _options: IResultTabsOptions) {}

  isVisible(executionId: string): boolean {
    return (
      !document.hidden &&
      Array.from(this._tabs.values()).some(tab => tab.shows(executionId))
    );
  }

  /**
   * Make a result of a notebook tab, if it is one.
   *
   * @param panel - A notebook that has just been opened.
   */
  add(panel: NotebookPanel): void {
    const path = parseResultPath(panel.context.path);
    if (!path || this._tabs.has(panel)) {
      return;
    }
    withoutKernel(panel);
    if (path.kind === 'artifact') {
      return;
    }
    // As everywhere else; the path has no `#`, see `resultPath`. A document
    // with another label than its path would want to be renamed.
    Signal.disconnectBetween(panel.title, panel);
    panel.title.label = `#${panel.title.label}`;
    this._tabs.set(panel, new ResultTab(panel, path, this._options));
    panel.disposed.connect(() => {
      this._tabs.get(panel)?.dispose();
      this._tabs.delete(panel);
    }, this);
  }

  private _tabs = new Map<NotebookPanel, ResultTab>();
}

/** One open result, or one open source. */
class ResultTab implements IDisposable {
  constructor(
    private _panel: NotebookPanel,
    path: IResultPath,
    private _options: IResultTabsOptions
  ) {
    const { executions, contents, trans } = _options;
    this._isSource = path.kind === 'source';
    this._model = new ReceiptModel(path.id, executions);
    this._log = new ExecutionLog({
      id: path.id,
      client: executions.client,
      intervalMs: LOG_INTERVAL_MS,
      keptCharacters: LOG_CHARACTERS
    });
    this._metrics = new MetricsModel(path.id, executions.client);
    this._live = this._isSource
      ? null
      : new LiveNotebook(_panel, this._model, contents);
    _panel.addClass('jp-ResultNotebook');
    keepSealed(_panel);
    disarm(_panel.content.node);
    const header = new ReceiptHeader({
      model: this._model,
      log: this._log,
      metrics: this._metrics,
      rendermime: _panel.content.rendermime,
      client: executions.client,
      actions: this._actions(),
      cellOf: count => this._cellOf(count),
      isSource: this._isSource,
      trans
    });
    _panel.contentHeader.addWidget(header);
    void _panel.context.ready.then(() => header.update());
    void this._load();
  }

  get isDisposed(): boolean {
    return this._model.isDisposed;
  }

  dispose(): void {
    this._live?.dispose();
    this._log.dispose();
    this._metrics.dispose();
    this._model.dispose();
  }

  /** Whether it is in front, and shows that execution. */
  shows(executionId: string): boolean {
    return this._panel.isVisible && this._model.execution?.id === executionId;
  }

  /** Load the receipt; a failed result opens at the cell that failed. */
  private async _load(): Promise<void> {
    await this._model.load();
    if (!this._isSource && this._model.execution?.error) {
      await this._panel.revealed;
      await this._goToFailure();
      // Notebook 7 lays out its page after it has been revealed.
      for (const delay of SETTLING_MS) {
        await new Promise(done => setTimeout(done, delay));
        if (!this._panel.isDisposed && !this._showsFailure()) {
          await this._goToFailure();
        }
      }
    }
  }

  private _showsFailure(): boolean {
    const cell = this._panel.content.widgets[this._failingIndex()];
    const box = cell?.node.getBoundingClientRect();
    return (
      cell?.isAttached === true &&
      box.height > 0 &&
      box.top < window.innerHeight &&
      box.bottom > 0
    );
  }

  private _failingIndex(): number {
    return this._model.execution?.error?.cell_index ?? -1;
  }

  private _cellOf(executionCount: number | null): number | null {
    const cells = Array.from(this._panel.model?.cells ?? []);
    const index = cells.findIndex(
      cell => isCodeCellModel(cell) && cell.executionCount === executionCount
    );
    return index === -1 || executionCount === null ? null : index;
  }

  private async _goToFailure(): Promise<void> {
    const index = this._failingIndex();
    await this._panel.context.ready;
    const cell = this._panel.content.widgets[index];
    if (!this._panel.isDisposed && cell) {
      this._panel.content.activeCellIndex = index;
      this._panel.content.mode = 'command';
      await this._panel.content.scrollToCell(cell, 'center');
    }
  }

  private _actions(): IReceiptActions {
    const { actions } = this._options;
    const id = (): string => this._model.execution?.id ?? '';
    return {
      ...(this._isSource
        ? {}
        : {
            goToFailure: () => void this._goToFailure(),
            openSource: () => actions.openSource(id(), this._panel)
          }),
      preview: name => actions.preview(id(), name),
      open: actions.open,
      rerun: () => actions.rerun(id()),
      restore: () => actions.restore(id()),
      compare: number =>
        actions.compare([number, this._model.execution?.number ?? number]),
      copySnapshotId: () =>
        Clipboard.copyToSystem(this._model.execution?.snapshot_id ?? '')
    };
  }

  private _isSource: boolean;
  private _model: ReceiptModel;
  private _log: ExecutionLog;
  private _metrics: MetricsModel;
  private _live: LiveNotebook | null;
}

/**
 * Keep a result from starting a kernel, and everybody from waiting for one.
 *
 * #### Notes
 * Notebook 7 would start one when it opens a result, and saves a document
 * whose kernel has a name before it does. A session that is never made ready
 * keeps extensions that look for its kernel (ipywidgets' manager does) from
 * finding none. The status bar would say "Initializing" for good.
 */
function withoutKernel({ sessionContext }: NotebookPanel): void {
  sessionContext.kernelPreference = {
    ...sessionContext.kernelPreference,
    name: undefined,
    id: undefined,
    shouldStart: false,
    canStart: false,
    autoStartDefault: false
  };
  sessionContext.initialize = () => Promise.resolve(false);
  Object.defineProperty(sessionContext, 'kernelDisplayStatus', {
    get: () => ''
  });
  const { statusChanged } = sessionContext;
  if (statusChanged instanceof Signal) {
    statusChanged.emit('unknown');
  }
}
