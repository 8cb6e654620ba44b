/** Keep the notebook of a running execution up to date while somebody looks at it. */
import type { INotebookContent } from '@jupyterlab/nbformat';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll, Throttler } from '@lumino/polling';

import type { IResultModel } from './drive';
import { markRunning, patchNotebook } from './patch';
import type { ReceiptModel } from './receiptmodel';

/** News brings the notebook up to date at most this often. */
const NEWS_LIMIT_MS = 2000;

/** Within a long cell there is no news, but there may be output. */
const TICK_MS = 5000;

/** Follows one execution until its end has been shown. */
export class LiveNotebook implements IDisposable {
  /**
   * Create it; it stops by itself when the end has been shown.
   *
   * @param _panel - The open result.
   * @param _model - Knows how far the execution is.
   * @param _contents - Where the notebook is read from.
   */
  constructor(
    private _panel: NotebookPanel,
    private _model: ReceiptModel,
    private _contents: Contents.IManager
  ) {
    this._throttler = new Throttler(() => this.refresh(), {
      limit: NEWS_LIMIT_MS,
      edge: 'trailing'
    });
    this._poll = new Poll({
      name: 'jupyter_async_exec:live-notebook',
      auto: false,
      factory: () => this._throttler.invoke(),
      frequency: { interval: TICK_MS, backoff: true, max: 60_000 },
      standby: () => document.hidden || !this._panel.isVisible
    });
    _model.changed.connect(this._onChanged, this);
  }

  /** Whether it has stopped for good. */
  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Stop. */
  dispose(): void {
    this._model.changed.disconnect(this._onChanged, this);
    this._poll.dispose();
    this._throttler.dispose();
  }

  /** Bring the notebook up to date now. */
  async refresh(): Promise<void> {
    const panel = this._panel;
    if (panel.isDisposed || !panel.isVisible) {
      // The poll comes back to it when the tab is in front.
      return;
    }
    await panel.context.ready;
    const result: IResultModel = await this._contents.get(panel.context.path, {
      type: 'notebook',
      content: true
    });
    if (panel.isDisposed || !panel.model) {
      return;
    }
    if (!patchNotebook(panel.model, result.content as INotebookContent)) {
      await this._reload();
    }
    this._mark();
    if (!result.partial) {
      this.dispose();
    }
  }

  /** Say which cell runs. After a patch only: positions count the injected cell. */
  private _mark(): void {
    const { execution } = this._model;
    const model = this._panel.isDisposed ? null : this._panel.model;
    if (execution && model) {
      markRunning(model, execution.current_cell);
    }
  }

  private async _reload(): Promise<void> {
    const outer = this._panel.content.node.querySelector(
      '.jp-WindowedPanel-outer'
    );
    const top = outer?.scrollTop ?? 0;
    await this._panel.context.revert();
    if (outer) {
      outer.scrollTop = top;
    }
  }

  private _onChanged(): void {
    const { execution } = this._model;
    if (!execution || this.isDisposed) {
      return;
    }
    if (!this._hasBegun && this._model.isFinal && this._isCurrent()) {
      this.dispose();
      return;
    }
    if (!this._hasBegun) {
      this._hasBegun = true;
      void this._poll.start();
    }
    // A failure is of no consequence: the poll tries again.
    void this._throttler.invoke().catch(() => undefined);
  }

  /** Whether what was opened is the end already. */
  private _isCurrent(): boolean {
    const shown = this._panel.context.contentsModel?.last_modified;
    const end = this._model.execution?.finished_at;
    return Boolean(shown && end && Date.parse(shown) >= Date.parse(end));
  }

  private _throttler: Throttler<void>;
  private _poll: Poll;
  private _hasBegun = false;
}
