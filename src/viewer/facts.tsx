/** The small print of a receipt: times, kernel, snapshot, parameters, remarks. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Execution, Receipt } from '../api/types';
import {
  isFinal,
  LOCAL,
  runSeconds,
  tookLabel,
  whenLabel
} from '../model/labels';
import { parameterLabel, shortId } from './words';

/**
 * When it ran, on what, and from what.
 *
 * @param props - The execution, and its receipt as soon as that is loaded.
 */
export function Facts(props: {
  execution: Execution;
  receipt: Receipt | null;
  now: number;
  copySnapshotId: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { execution, receipt, now, trans } = props;
  const seconds = runSeconds(execution, now);
  return (
    <dl className="jp-Receipt-facts">
      {execution.started_at !== null && (
        <Fact name={trans.__('Started')}>
          <time
            dateTime={execution.started_at}
            title={new Date(execution.started_at).toLocaleString()}
          >
            {whenLabel(execution.started_at, now)}
          </time>
        </Fact>
      )}
      {seconds !== null && isFinal(execution.status) && (
        <Fact name={trans.__('Took')}>{tookLabel(seconds)}</Fact>
      )}
      {execution.backend !== LOCAL && (
        <Fact name={trans.__('Where')}>{execution.backend}</Fact>
      )}
      {Object.keys(execution.resources).length > 0 && (
        <Fact name={trans.__('Reserved')}>
          {Object.entries(execution.resources)
            .map(([name, amount]) => `${amount} ${name}`)
            .join(', ')}
        </Fact>
      )}
      <Fact name={trans.__('Kernel')}>
        {receipt?.kernel.display_name || execution.kernel_name}
      </Fact>
      <Fact name={trans.__('Snapshot')}>
        <button
          type="button"
          className="jp-Receipt-copy"
          title={trans.__('Copy %1', execution.snapshot_id)}
          aria-label={trans.__(
            'Copy snapshot id %1',
            shortId(execution.snapshot_id)
          )}
          onClick={props.copySnapshotId}
        >
          {shortId(execution.snapshot_id)}
        </button>
      </Fact>
      {receipt?.git && (
        <Fact name={trans.__('Commit')}>
          <span title={receipt.git.commit}>
            {receipt.git.dirty
              ? trans.__('%1, with changes', shortId(receipt.git.commit))
              : shortId(receipt.git.commit)}
          </span>
        </Fact>
      )}
      {receipt?.mlflow_runs.map(run => (
        <Fact key={run} name={trans.__('MLflow run')}>
          <span title={run}>{shortId(run)}</span>
        </Fact>
      ))}
    </dl>
  );
}

function Fact(props: { name: string; children: React.ReactNode }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/**
 * The parameters it ran with.
 *
 * @param props - The execution.
 */
export function ParameterChips(props: {
  execution: Execution;
  trans: TranslationBundle;
}): JSX.Element | null {
  // What was collected stands above, by its numbers.
  const collected = props.execution.collects?.parameter;
  const parameters = Object.entries(props.execution.parameters).filter(
    ([name]) => name !== collected
  );
  return parameters.length === 0 ? null : (
    <ul
      className="jp-Receipt-parameters"
      aria-label={props.trans.__('Parameters')}
    >
      {parameters.map(([name, value]) => (
        <li key={name} title={parameterLabel(name, value)}>
          {parameterLabel(name, value)}
        </li>
      ))}
    </ul>
  );
}

/**
 * What is worth a look although it succeeded.
 *
 * @param props - The execution.
 */
export function Remarks(props: {
  execution: Execution;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { remarks } = props.execution;
  return remarks.length === 0 ? null : (
    <ul
      className="jp-Receipt-remarks"
      aria-label={props.trans.__('Worth a look')}
    >
      {remarks.map((remark, index) => (
        <li key={index}>{remark.message}</li>
      ))}
    </ul>
  );
}
