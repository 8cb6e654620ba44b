/**
 * What a notice says.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Execution, Status, SweepSummary } from '../api/types';
import {
  failureLabel,
  numbersLabel,
  outcomeLabel,
  runSeconds,
  statusLabel,
  sweepSize,
  tookLabel
} from '../model/labels';

/**
 * One sentence on one or several executions that are over.
 *
 * @param executions - at least one.
 * @param trans - the words.
 */
export function noticeText(
  executions: readonly Execution[],
  trans: TranslationBundle
): string {
  const [execution] = executions;
  if (executions.length > 1) {
    return trans.__(
      '%1 executions are over: %2',
      executions.length,
      outcomeLabel(executions, trans)
    );
  }
  const outcome = outcomeText(execution, trans);
  const wasLost = execution.remarks.some(({ kind }) => kind === 'tried_again');
  if (!wasLost) {
    return outcome;
  }
  return trans.__(
    '%1 (lost once and tried again: its cells may have run twice)',
    outcome
  );
}

function outcomeText(execution: Execution, trans: TranslationBundle): string {
  const { number, status, title } = execution;
  if (status === 'failed') {
    const why = failureLabel(execution, trans);
    return trans.__('#%1 failed: %2', number, why);
  }
  const duration = tookLabel(runSeconds(execution, 0) ?? 0);
  const label = statusLabel(status, trans).toLocaleLowerCase();
  return trans.__('#%1 %2 after %3: %4', number, label, duration, title);
}

/**
 * One sentence on a sweep that is over, or goes on although something failed.
 *
 * @param sweep - it.
 * @param trans - the words.
 */
export function sweepText(
  sweep: SweepSummary,
  trans: TranslationBundle
): string {
  const { counts, message } = sweep;
  const numbers = numbersLabel(sweep);
  if (sweep.finished_at === null) {
    return trans.__(
      'Sweep %1 goes on: %2 of %3 failed so far.',
      numbers,
      counts.failed,
      sweepSize(sweep)
    );
  }
  const statuses: Status[] = ['succeeded', 'failed', 'cancelled'];
  const outcome = statuses
    .filter(status => counts[status] > 0)
    .map(status =>
      trans.__(
        '%1 %2',
        counts[status],
        statusLabel(status, trans).toLocaleLowerCase()
      )
    )
    .join(', ');
  const said = trans.__('Sweep %1 is over: %2.', numbers, outcome);
  return message === null ? said : `${said} ${message}`;
}
