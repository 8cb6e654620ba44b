/** The receipt: what an execution was made from and what became of it, at a glance. */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { IExecutionsClient } from '../api/client';
import type { Execution, Receipt } from '../api/types';
import { statusIcons } from '../icons';
import type { ExecutionLog } from '../model/executionlog';
import { statusLabel } from '../model/labels';
import { Action } from './action';
import { ChangesDrawer } from './changesdrawer';
import { ArtifactsDrawer, FilesDrawer, LogDrawer } from './drawers';
import { Facts, ParameterChips } from './facts';
import { MetricsDrawer } from './metricsdrawer';
import type { MetricsModel } from './metricsmodel';
import { Notes, NotesDrawer } from './notes';
import { Outcome } from './outcome';
import type { ReceiptModel } from './receiptmodel';
import { Relations } from './relations';
import type { CellFinder } from './words';
import { madeByNotebook } from './words';

/** What people can do from a receipt. */
export interface IReceiptActions {
  /** Scroll to the cell that failed; absent where there is none to see. */
  goToFailure?: () => void;
  /** Open the source beside the result; absent in the source itself. */
  openSource?: () => void;
  /** Open an artifact in a tab of its own. */
  preview: (name: string) => void;
  /** Open the result of another execution. */
  open: (id: string) => void;
  /** Run the same snapshot again. */
  rerun: () => void;
  /** Write the source as a new notebook. */
  restore: () => void;
  /** Lay it and another one, by number, side by side. */
  compare: (number: number) => void;
  /** Put the full snapshot id on the clipboard. */
  copySnapshotId: () => void;
}

/** What the receipt needs. */
export interface IReceiptProps {
  /** What is shown. */
  model: ReceiptModel;
  /** What the notebook printed. */
  log: ExecutionLog;
  /** The points of its metrics. */
  metrics: MetricsModel;
  /** Draws them. */
  rendermime: IRenderMimeRegistry;
  /** Knows where artifacts are. */
  client: IExecutionsClient;
  /** What people can do. */
  actions: IReceiptActions;
  /** Finds a cell of the notebook below. */
  cellOf: CellFinder;
  /** Whether this is the source and not the result. */
  isSource: boolean;
  /** The words. */
  trans: TranslationBundle;
}

type Drawer = 'log' | 'metrics' | 'artifacts' | 'files' | 'changes' | 'notes';

/**
 * The whole receipt, kept up to date.
 *
 * @param props - What it needs.
 */
export function ReceiptView(props: IReceiptProps): JSX.Element {
  return (
    <UseSignal signal={props.model.changed}>
      {() => <Loaded {...props} />}
    </UseSignal>
  );
}

function Loaded(props: IReceiptProps): JSX.Element {
  const { model, trans } = props;
  const [drawer, setDrawer] = React.useState<Drawer | null>(null);
  const { execution, receipt, error } = model;
  if (!execution) {
    return (
      <p className="jp-Receipt-note" role={error ? 'alert' : undefined}>
        {error ? error.message : trans.__('Loading…')}
      </p>
    );
  }
  const toggle = (name: Drawer): void =>
    setDrawer(drawer === name ? null : name);
  return (
    <>
      <Headline {...props} execution={execution} />
      <Outcome
        execution={execution}
        receipt={receipt}
        goToFailure={props.actions.goToFailure}
        compare={props.actions.compare}
        cellOf={props.cellOf}
        trans={trans}
      />
      <Facts
        execution={execution}
        receipt={receipt}
        now={model.now()}
        copySnapshotId={props.actions.copySnapshotId}
        trans={trans}
      />
      {receipt && (
        <Relations receipt={receipt} open={props.actions.open} trans={trans} />
      )}
      <ParameterChips execution={execution} trans={trans} />
      <Notes execution={execution} trans={trans} />
      <Bar {...props} open={drawer} toggle={toggle} />
      {drawer === 'log' && (
        <LogDrawer log={props.log} isOver={model.isFinal} trans={trans} />
      )}
      {drawer === 'metrics' && (
        <MetricsDrawer
          metrics={props.metrics}
          rendermime={props.rendermime}
          trans={trans}
        />
      )}
      {drawer === 'artifacts' && receipt && (
        <ArtifactsDrawer
          artifacts={receipt.artifacts}
          preview={props.actions.preview}
          url={name => props.client.artifactUrl(execution.id, name, true)}
          trans={trans}
        />
      )}
      {drawer === 'files' && receipt && (
        <FilesDrawer receipt={receipt} trans={trans} />
      )}
      {drawer === 'changes' && receipt?.git && (
        <ChangesDrawer git={receipt.git} trans={trans} />
      )}
      {drawer === 'notes' && (
        <NotesDrawer
          execution={execution}
          save={edit => model.edit(edit)}
          trans={trans}
        />
      )}
    </>
  );
}

type IPart = IReceiptProps & { execution: Execution };

function Headline({ execution, isSource, trans }: IPart): JSX.Element {
  const { status } = execution;
  const Icon = statusIcons[status];
  return (
    <div className="jp-Receipt-headline">
      <span
        className={`jp-Receipt-status jp-mod-${status}`}
        role="status"
        aria-label={trans.__('Status')}
      >
        <Icon.react tag="span" className="jp-Receipt-icon" aria-hidden />
        {statusLabel(status, trans)}
      </span>
      <span className="jp-Receipt-number">#{execution.number}</span>
      <span className="jp-Receipt-title" title={execution.title}>
        {execution.title}
      </span>
      {isSource && (
        <span className="jp-Receipt-kind">
          {trans.__('Source, as it was submitted')}
        </span>
      )}
    </div>
  );
}

/** The row of buttons. */
function Bar(
  props: IReceiptProps & {
    open: Drawer | null;
    toggle: (name: Drawer) => void;
  }
): JSX.Element {
  const { model, actions, open, toggle, trans } = props;
  const artifacts = model.receipt?.artifacts ?? [];
  const nMade = madeByNotebook(artifacts).length;
  const nMetrics = Object.keys(model.execution?.metrics ?? {}).length;
  const drawer = (name: Drawer, text: string): JSX.Element => (
    <Action onClick={() => toggle(name)} isOpen={open === name}>
      {text}
    </Action>
  );
  return (
    <div
      className="jp-Receipt-bar"
      role="group"
      aria-label={trans.__('About this execution')}
    >
      {drawer('log', trans.__('Log'))}
      {nMetrics > 0 && drawer('metrics', trans.__('Metrics (%1)', nMetrics))}
      {artifacts.length > 0 &&
        drawer(
          'artifacts',
          nMade > 0
            ? trans.__('Artifacts (%1)', nMade)
            : // The executed notebook alone.
              trans.__('Artifacts')
        )}
      {model.receipt && drawer('files', filesText(model.receipt, trans))}
      {model.receipt?.git?.dirty &&
        drawer('changes', trans.__('Uncommitted changes'))}
      {drawer('notes', trans.__('Note and tags'))}
      {actions.openSource && (
        <Action onClick={actions.openSource}>{trans.__('Source')}</Action>
      )}
      <span className="jp-Receipt-gap" />
      {model.isFinal && (
        <Action onClick={actions.rerun}>{trans.__('Run again')}</Action>
      )}
      <Action onClick={actions.restore}>
        {trans.__('Restore as new notebook')}
      </Action>
    </div>
  );
}

function filesText(receipt: Receipt, trans: TranslationBundle): string {
  const { captured, linked } = receipt.snapshot;
  const files = trans._n(
    '%1 file captured',
    '%1 files captured',
    captured.length
  );
  return linked.length === 0
    ? files
    : trans.__('%1, %2 linked', files, linked.length);
}
