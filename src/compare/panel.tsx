/**
 * The tab in which executions lie side by side.
 */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { IExecutionsModel } from '../tokens';
import { ChartsView } from './chartsview';
import type { CompareModel } from './comparemodel';
import { DifferencesView } from './differencesview';
import type { ICompareActions } from './header';
import { Header } from './header';
import { compareIcon } from './icon';
import { OutputsModel } from './outputsmodel';
import { OutputsView } from './outputsview';
import { keyOf } from './sets';
import { TableView } from './tableview';
import { TableTools } from './tabletools';

/** What the tab shows one at a time. */
export type View = 'table' | 'charts' | 'outputs' | 'differences';

const VIEWS: readonly View[] = ['table', 'charts', 'outputs', 'differences'];

/** Several executions side by side. */
export class ComparePanel extends ReactWidget {
  /**
   * @param options - what it shows.
   */
  constructor(readonly options: ComparePanel.IOptions) {
    super();
    const { model, trans } = options;
    this._outputs = new OutputsModel(options.executions.client);
    this.id = `jupyter-async-exec-compare-${keyOf(model.set)}`;
    this.addClass('jp-Compare');
    this.title.icon = compareIcon;
    this.title.label = trans.__('Compare');
    this.title.closable = true;
    model.changed.connect(this._onChanged, this);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._outputs.dispose();
      this.options.model.dispose();
      super.dispose();
    }
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.options.model.isShown = true;
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this.options.model.isShown = false;
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.options.model.isShown = this.isVisible;
  }

  protected override render(): JSX.Element {
    return (
      <UseSignal signal={this.options.model.changed}>
        {() => <Contents {...this.options} outputs={this._outputs} />}
      </UseSignal>
    );
  }

  private _onChanged(): void {
    const { model, trans } = this.options;
    const numbers = model.rows.map(({ number }) => number);
    const first = Math.min(...numbers);
    const last = Math.max(...numbers);
    this.title.label =
      numbers.length === 0
        ? trans.__('Compare')
        : numbers.length === 2
          ? trans.__('Compare #%1 and #%2', first, last)
          : trans.__('Compare #%1–#%2', first, last);
    this.title.caption = trans._n(
      '%1 execution side by side',
      '%1 executions side by side',
      numbers.length
    );
  }

  private _outputs: OutputsModel;
}

/** A namespace for `ComparePanel` statics. */
export namespace ComparePanel {
  /** What the tab shows. */
  export interface IOptions {
    /** The executions of the comparison; the tab lets go of it. */
    model: CompareModel;

    /** All executions. */
    executions: IExecutionsModel;

    /** Shows outputs and draws. */
    rendermime: IRenderMimeRegistry;

    /** What can be done. */
    actions: ICompareActions;

    /** What is shown at first. */
    view: View;

    /** The words. */
    trans: TranslationBundle;
  }
}

function Contents(
  props: ComparePanel.IOptions & { outputs: OutputsModel }
): JSX.Element {
  const { actions, model, trans } = props;
  const [view, setView] = React.useState<View>(props.view);
  const { comparison, error } = model;
  if (comparison === null) {
    return (
      <p className="jp-Compare-note" role={error ? 'alert' : undefined}>
        {error ? error.message : trans.__('Loading…')}
      </p>
    );
  }
  return (
    <>
      <Header model={model} actions={actions} trans={trans} />
      {error !== null && (
        <p className="jp-Compare-note" role="alert">
          {error.message}
        </p>
      )}
      <Tabs {...props} view={view} setView={setView} />
      <div
        className={`jp-Compare-view jp-mod-${view}`}
        role="tabpanel"
        id={`${keyOf(model.set)}-panel`}
        aria-label={viewLabel(view, trans)}
      >
        {view === 'table' && (
          <>
            <TableTools model={model} actions={actions} trans={trans} />
            <TableView model={model} open={actions.open} trans={trans} />
          </>
        )}
        {view === 'charts' && <ChartsView {...props} />}
        {view === 'outputs' && <OutputsView {...props} open={actions.open} />}
        {view === 'differences' && (
          <DifferencesView comparison={comparison} trans={trans} />
        )}
      </div>
    </>
  );
}

function Tabs(props: {
  model: CompareModel;
  view: View;
  setView: (view: View) => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { model, setView, trans, view } = props;
  const node = React.useRef<HTMLDivElement>(null);
  const move = (event: React.KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    if (step !== 0) {
      const next = VIEWS.indexOf(view) + step + VIEWS.length;
      setView(VIEWS[next % VIEWS.length]);
      node.current
        ?.querySelectorAll<HTMLElement>('[role=tab]')
        [next % VIEWS.length].focus();
      event.preventDefault();
    }
  };
  return (
    <div
      ref={node}
      className="jp-Compare-tabs"
      role="tablist"
      aria-label={trans.__('Views')}
      onKeyDown={move}
    >
      {VIEWS.map(each => (
        <button
          key={each}
          type="button"
          role="tab"
          aria-selected={each === view}
          aria-controls={
            each === view ? `${keyOf(model.set)}-panel` : undefined
          }
          tabIndex={each === view ? 0 : -1}
          onClick={() => setView(each)}
        >
          {viewLabel(each, trans)}
        </button>
      ))}
    </div>
  );
}

function viewLabel(view: View, trans: TranslationBundle): string {
  switch (view) {
    case 'table':
      return trans.__('Table');
    case 'charts':
      return trans.__('Charts');
    case 'outputs':
      return trans.__('Outputs');
    case 'differences':
      return trans.__('Differences');
  }
}
