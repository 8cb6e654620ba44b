/** How an execution ended, or how far it is. */
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { Execution, Receipt } from '../api/types';
import { progressLabel, reasonLabel } from '../model/labels';
import { Action } from './action';
import { Remarks } from './facts';
import type { CellFinder } from './words';
import { errorLine, promptLabel } from './words';

/** What is told of an end. */
export interface IOutcomeProps {
  /** The execution. */
  execution: Execution;
  /** Everything that made it; null before it is loaded. */
  receipt: Receipt | null;
  /** Scroll to the cell that failed; absent where there is none to see. */
  goToFailure?: () => void;
  /** Lay it and another one, by number, side by side. */
  compare: (number: number) => void;
  /** Finds a cell of the notebook below. */
  cellOf: CellFinder;
  /** The words. */
  trans: TranslationBundle;
}

/**
 * How it ended, or how far it is.
 *
 * @param props - What is told.
 */
export function Outcome(props: IOutcomeProps): JSX.Element | null {
  const { execution, goToFailure, receipt, trans } = props;
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
                receipt?.snapshot.captured ?? [],
                trans,
                props.cellOf
              )}
            </span>
            {execution.error && goToFailure && (
              <Action onClick={goToFailure}>
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
function SinceSuccess(props: IOutcomeProps): JSX.Element | null {
  const { compare, receipt, trans } = props;
  const since = receipt?.since_success ?? null;
  return since === null ? null : (
    <p className="jp-Receipt-outcome">
      {since.sentence}{' '}
      <Action onClick={() => compare(since.number)}>
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
