/** The receipt: what an execution was made from and what became of it, at a glance. */
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { IExecutionsClient } from '../api/client';
import type { Execution, Receipt } from '../api/types';
import { statusIcons } from '../icons';
import type { ExecutionLog } from '../model/executionlog';
import { progressLabel, reasonLabel, statusLabel } from '../model/labels';
import { ArtifactsDrawer, FilesDrawer, LogDrawer } from './drawers';
import { Facts, ParameterChips, Remarks } from './facts';
import { MetricsDrawer } from './metricsdrawer';
import type { MetricsModel } from './metricsmodel';
import type { ReceiptModel } from './receiptmodel';
import { Relations } from './relations';
import type { CellFinder } from './words';
import { errorLine, madeByNotebook, promptLabel } from './words';

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

type Drawer = 'log' | 'metrics' | 'artifacts' | 'files';

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
      <Outcome {...props} execution={execution} />
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
      <Bar {...props} open={drawer} toggle={toggle} />
      {drawer === 'log' && <LogDrawer log={props.log} trans={trans} />}
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

/** How it ended, or how far it is. */
function Outcome(props: IPart): JSX.Element | null {
  const { execution, model, actions, trans } = props;
  switch (execution.status) {
    case 'queued':
      return (
        <p className="jp-Receipt-outcome">
          {execution.waiting_reason ?? trans.__('Waits for its turn.')}
        </p>
      );
    case 'running':
      return (
        <p className="jp-Receipt-outcome">
          {execution.cancel_requested
            ? trans.__('Is being cancelled.')
            : trans.__(
                'Still running: %1. This is what is there so far.',
                progressLabel(execution, trans)
              )}
        </p>
      );
    case 'succeeded':
      return <Remarks execution={execution} trans={trans} />;
    case 'failed':
    case 'cancelled':
      return (
        <>
          <p className="jp-Receipt-outcome jp-mod-failed">
            <span
              className="jp-Receipt-error"
              title={
                execution.error
                  ? promptLabel(execution.error, trans)
                  : undefined
              }
            >
              {failure(
                execution,
                model.receipt?.snapshot.captured ?? [],
                trans,
                props.cellOf
              )}
            </span>
            {execution.error && actions.goToFailure && (
              <Action onClick={actions.goToFailure}>
                {trans.__('Go to failing cell')}
              </Action>
            )}
          </p>
          <SinceSuccess {...props} />
          <Remarks execution={execution} trans={trans} />
        </>
      );
  }
}

/** What changed since the same notebook last succeeded. */
function SinceSuccess(props: IPart): JSX.Element | null {
  const { actions, model, trans } = props;
  const since = model.receipt?.since_success ?? null;
  return since === null ? null : (
    <p className="jp-Receipt-outcome">
      {since.sentence}{' '}
      <Action onClick={() => actions.compare(since.number)}>
        {trans.__('Compare with #%1', since.number)}
      </Action>
    </p>
  );
}

function failure(
  execution: Execution,
  captured: Receipt['snapshot']['captured'],
  trans: TranslationBundle,
  cellOf: CellFinder
): string {
  const { error, message, reason } = execution;
  if (error) {
    return errorLine(error, captured, trans, cellOf);
  }
  return message ?? (reason ? reasonLabel(reason, trans) : '');
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

function Action(props: {
  onClick: () => void;
  isOpen?: boolean;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <button
      type="button"
      className="jp-Button jp-mod-styled jp-mod-minimal jp-Receipt-action"
      aria-expanded={props.isOpen}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}
