/**
 * Executions in words.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Execution, Reason, Status, SweepSummary } from '../api/types';

/** The backend that is always there: the machine of the server. */
export const LOCAL = 'local';

/** All statuses, in the order of a life. */
export const STATUSES: readonly Status[] = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled'
];

/**
 * Whether a status is for good.
 *
 * @param status - the status.
 */
export function isFinal(status: Status): boolean {
  return status !== 'queued' && status !== 'running';
}

/**
 * A status in one word.
 *
 * @param status - the status.
 * @param trans - the words.
 */
export function statusLabel(status: Status, trans: TranslationBundle): string {
  switch (status) {
    case 'queued':
      return trans.__('Queued');
    case 'running':
      return trans.__('Running');
    case 'succeeded':
      return trans.__('Succeeded');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
  }
}

/**
 * Why an execution failed, in a few words.
 *
 * @param reason - the reason.
 * @param trans - the words.
 */
export function reasonLabel(reason: Reason, trans: TranslationBundle): string {
  switch (reason) {
    case 'cell_error':
      return trans.__('a cell raised an error');
    case 'kernel_died':
      return trans.__('the kernel died');
    case 'out_of_memory':
      return trans.__('out of memory');
    case 'time_limit':
      return trans.__('over the time limit');
    case 'stalled':
      return trans.__('silent for too long');
    case 'kernel_missing':
      return trans.__('the kernel is not installed');
    case 'lost':
      return trans.__('lost: how it ended is not known');
    case 'internal':
      return trans.__('an internal error');
  }
}

/**
 * What went wrong, in one short line: the error of the cell, or else the reason.
 *
 * @param execution - a failed execution.
 * @param trans - the words.
 */
export function failureLabel(
  execution: Execution,
  trans: TranslationBundle
): string {
  const { error, reason, message } = execution;
  if (error !== null) {
    const [evalue] = error.evalue.split('\n', 1);
    return trans
      .__('cell %1: %2 %3', error.cell_index + 1, error.ename, evalue)
      .trim();
  }
  return message ?? (reason === null ? '' : reasonLabel(reason, trans));
}

/**
 * Seconds an execution ran so far, or ran in all; `null` before it started.
 *
 * @param execution - the execution.
 * @param now - milliseconds on the server's clock.
 */
export function runSeconds(execution: Execution, now: number): number | null {
  if (execution.started_at === null) {
    return null;
  }
  const end =
    execution.finished_at === null ? now : Date.parse(execution.finished_at);
  return Math.max(0, (end - Date.parse(execution.started_at)) / 1000);
}

/**
 * A duration as on a clock: `0:31`, `4:02`, `1:02:03`.
 *
 * @param seconds - the duration.
 */
export function clockLabel(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/**
 * How long something took, as on a clock too: `4:02`, and below one second
 * with tenths, `0:00.4`.
 *
 * @param seconds - the duration.
 */
export function tookLabel(seconds: number): string {
  if (seconds >= 1) {
    return clockLabel(seconds);
  }
  const tenths = Math.floor(seconds * 10);
  return tenths < 1 ? '< 0:00.1' : `0:00.${tenths}`;
}

/**
 * A duration as one would say it: "about 3 min".
 *
 * @param seconds - the duration.
 * @param trans - the words.
 */
export function timeLeftLabel(
  seconds: number,
  trans: TranslationBundle
): string {
  if (seconds < 60) {
    return trans.__('less than 1 min left');
  }
  if (seconds < 90 * 60) {
    return trans.__('about %1 min left', Math.round(seconds / 60));
  }
  return trans.__('about %1 h left', Math.round(seconds / 3600));
}

/**
 * How far a running execution is: "cell 7 of 12".
 *
 * @param execution - a running execution.
 * @param trans - the words.
 */
export function progressLabel(
  execution: Execution,
  trans: TranslationBundle
): string {
  const { cells_done, cells_total } = execution;
  if (cells_total === null) {
    return trans.__('starting');
  }
  if (cells_done >= cells_total) {
    return trans.__('finishing');
  }
  return trans.__('cell %1 of %2', cells_done + 1, cells_total);
}

/**
 * When something was: the time for today, the date before.
 *
 * @param moment - ISO 8601.
 * @param now - milliseconds on the server's clock.
 */
export function whenLabel(moment: string, now: number): string {
  const then = new Date(moment);
  return then.toDateString() === new Date(now).toDateString()
    ? then.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' })
    : then.toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

/**
 * The numbers of a sweep: "#18–41".
 *
 * @param sweep - it.
 */
export function numbersLabel({
  first_number: first,
  last_number: last
}: Pick<SweepSummary, 'first_number' | 'last_number'>): string {
  return first === last ? `#${first}` : `#${first}–${last}`;
}

/**
 * How many executions count in a sweep.
 *
 * @param sweep - it.
 */
export function sweepSize({ counts }: SweepSummary): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/**
 * How far a sweep is, or how it ended: "17 of 24, 2 failed".
 *
 * @param sweep - it.
 * @param trans - the words.
 */
export function sweepLabel(
  sweep: SweepSummary,
  trans: TranslationBundle
): string {
  const { cancelled, failed, succeeded } = sweep.counts;
  const size = sweepSize(sweep);
  const parts: string[] = [];
  if (!isFinal(sweep.status)) {
    parts.push(trans.__('%1 of %2', cancelled + failed + succeeded, size));
  } else if (succeeded > 0) {
    parts.push(trans.__('%1 succeeded', succeeded));
  }
  if (failed > 0) {
    parts.push(trans.__('%1 failed', failed));
  }
  if (cancelled > 0 && isFinal(sweep.status)) {
    parts.push(trans.__('%1 cancelled', cancelled));
  }
  if (sweep.n_reused > 0) {
    parts.push(trans.__('%1 reused', sweep.n_reused));
  }
  return parts.join(', ');
}

/**
 * Seconds since the latest executions of a sweep were added, or that they took.
 *
 * @param sweep - it.
 * @param now - milliseconds on the server's clock.
 */
export function sweepSeconds(sweep: SweepSummary, now: number): number {
  const end = sweep.finished_at === null ? now : Date.parse(sweep.finished_at);
  const begin = Date.parse(sweep.last_added_at ?? sweep.created_at);
  return Math.max(0, (end - begin) / 1000);
}

/**
 * How several executions ended: "2 succeeded, 1 failed".
 *
 * @param executions - they are all over.
 * @param trans - the words.
 */
export function outcomeLabel(
  executions: readonly Pick<Execution, 'status'>[],
  trans: TranslationBundle
): string {
  const count = (status: Status): number =>
    executions.filter(execution => execution.status === status).length;
  const parts = [
    {
      n: count('succeeded'),
      text: trans.__('%1 succeeded', count('succeeded'))
    },
    { n: count('failed'), text: trans.__('%1 failed', count('failed')) },
    {
      n: count('cancelled'),
      text: trans.__('%1 cancelled', count('cancelled'))
    }
  ];
  return parts
    .filter(part => part.n > 0)
    .map(part => part.text)
    .join(', ');
}
