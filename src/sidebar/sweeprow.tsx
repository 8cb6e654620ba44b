/**
 * One sweep in two short lines; its executions stand below while it is open.
 */
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { SweepSummary } from '../api/types';
import {
  clockLabel,
  isFinal,
  numbersLabel,
  sweepLabel,
  sweepSeconds,
  sweepSize,
  timeLeftLabel,
  tookLabel,
  whenLabel
} from '../model/labels';
import { metricLabel } from '../model/goals';
import type { IRowContext } from './row';
import type { IRowPlace } from './rowframe';
import { RowFrame, RowProgress, RowStatus } from './rowframe';

/** What one row shows. */
export interface ISweepRowProps extends IRowPlace {
  /** What all rows have in common. */
  context: IRowContext;

  /** The sweep. */
  sweep: SweepSummary;

  /** Whether its executions stand below. */
  isOpen: boolean;
}

/** A row of the list; drawn again only when something about it is new. */
export const SweepRow = React.memo(drawRow);

function drawRow(props: ISweepRowProps): JSX.Element {
  const { context, isOpen, sweep } = props;
  const Caret = (isOpen ? caretDownIcon : caretRightIcon).react;
  return (
    <RowFrame
      place={props}
      status={sweep.status}
      level={1}
      data={{ 'data-row': sweep.id, 'data-sweep-id': sweep.id }}
      actions={() => context.sweepActions(sweep)}
      name={numbersLabel(sweep)}
      trans={context.trans}
    >
      <button
        type="button"
        className="jp-ExecutionsPanel-main"
        tabIndex={props.isTabStop ? 0 : -1}
        aria-expanded={isOpen}
        title={tooltip(sweep)}
        onClick={() => context.onToggle(sweep)}
        onFocus={() => context.onSelectSweep(sweep)}
      >
        <span className="jp-ExecutionsPanel-caret" aria-hidden="true">
          <Caret tag="span" elementPosition="center" />
        </span>
        <FirstLine {...props} />
        <SecondLine {...props} />
      </button>
    </RowFrame>
  );
}

function FirstLine({ context, now, sweep }: ISweepRowProps): JSX.Element {
  const { trans } = context;
  const seconds = sweepSeconds(sweep, now);
  return (
    <span className="jp-ExecutionsPanel-line">
      <RowStatus status={sweep.status} trans={trans} />
      <span className="jp-ExecutionsPanel-number">{numbersLabel(sweep)}</span>
      <span className="jp-ExecutionsPanel-title"> {sweep.title}</span>
      <span className="jp-ExecutionsPanel-column" title={trans.__('Duration')}>
        {' '}
        {isFinal(sweep.status)
          ? tookLabel(seconds)
          : sweep.status === 'running' && clockLabel(seconds)}
      </span>
    </span>
  );
}

function SecondLine(props: ISweepRowProps): JSX.Element {
  const { context, sweep } = props;
  const isOver = isFinal(sweep.status);
  const { cancelled, failed, succeeded } = sweep.counts;
  const done = cancelled + failed + succeeded;
  return (
    <RowProgress
      detail={detail(props)}
      done={isOver ? null : done / sweepSize(sweep)}
      timeLeft={isOver ? null : timeLeft(sweep, context)}
    />
  );
}

function detail({ context, now, sweep }: ISweepRowProps): string {
  const { isOneNotebook, trans } = context;
  const parts = [sweepLabel(sweep, trans)];
  if (sweep.best !== null) {
    const { number, value } = sweep.best;
    // First: what does not fit is cut at the end.
    parts.unshift(trans.__('best %1 #%2', metricLabel(value), number));
  }
  if (sweep.finished_at !== null) {
    parts.push(
      isOneNotebook ? '' : PathExt.basename(sweep.notebook_path),
      whenLabel(sweep.finished_at, now)
    );
  }
  return parts.filter(part => part !== '').join(' · ');
}

/** As many as run now go on side by side. */
function timeLeft(
  { counts, notebook_path }: SweepSummary,
  { trans, usualDuration }: IRowContext
): string {
  const usual = usualDuration(notebook_path);
  if (usual === null || counts.running === 0) {
    return '';
  }
  const rounds = (counts.queued + counts.to_come) / counts.running + 0.5;
  return timeLeftLabel(usual * rounds, trans);
}

function tooltip({ message, notebook_path, title }: SweepSummary): string {
  return [title, notebook_path, message ?? '']
    .filter(line => line !== '')
    .join('\n');
}

/**
 * The words that name a sweep wherever it is spoken of.
 *
 * @param sweep - it.
 * @param trans - the words.
 */
export function sweepName(
  sweep: SweepSummary,
  trans: TranslationBundle
): string {
  return trans.__('sweep %1', numbersLabel(sweep));
}
