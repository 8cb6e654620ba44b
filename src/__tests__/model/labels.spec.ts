import { nullTranslator } from '@jupyterlab/translation';

import {
  clockLabel,
  failureLabel,
  outcomeLabel,
  progressLabel,
  reasonLabel,
  runSeconds,
  STATUSES,
  statusLabel,
  timeLeftLabel,
  tookLabel
} from '../../model/labels';
import { makeExecution, makeRunning } from '../fakes';

const trans = nullTranslator.load('jupyter_async_exec');

describe('labels', () => {
  it('name every status', () => {
    expect(STATUSES.map(status => statusLabel(status, trans))).toEqual([
      'Queued',
      'Running',
      'Succeeded',
      'Failed',
      'Cancelled'
    ]);
  });

  it.each([
    [31, '0:31'],
    [242.9, '4:02'],
    [3723, '1:02:03']
  ])('show %s seconds as %s', (seconds, label) => {
    expect(clockLabel(seconds)).toBe(label);
  });

  it.each([
    [0.05, '< 0:00.1'],
    [0.44, '0:00.4'],
    [0.99, '0:00.9'],
    [1, '0:01'],
    [242.9, '4:02']
  ])('show that %s seconds were taken as %s', (seconds, label) => {
    expect(tookLabel(seconds)).toBe(label);
  });

  it.each([
    [20, 'less than 1 min left'],
    [190, 'about 3 min left'],
    [7300, 'about 2 h left']
  ])('say of %s seconds: %s', (seconds, label) => {
    expect(timeLeftLabel(seconds, trans)).toBe(label);
  });

  it('name the cell, the error and its first line', () => {
    const error = {
      cell_index: 6,
      ename: 'KeyError',
      evalue: "'label'\nand more",
      traceback: []
    };
    const failed = makeExecution(1, { status: 'failed', error });

    expect(failureLabel(failed, trans)).toBe("cell 7: KeyError 'label'");
  });

  it('give the reason when no cell raised an error', () => {
    const failed = makeExecution(1, { status: 'failed', reason: 'lost' });

    expect(failureLabel(failed, trans)).toBe(reasonLabel('lost', trans));
  });

  it('count the cell that runs, not those that are done', () => {
    const running = makeRunning(1, { cells_done: 6, cells_total: 12 });

    expect(progressLabel(running, trans)).toBe('cell 7 of 12');
  });

  it('never show a negative duration when clocks disagree', () => {
    const running = makeRunning(1, { started_at: '2026-01-01T10:00:00Z' });

    expect(runSeconds(running, Date.parse('2026-01-01T09:59:00Z'))).toBe(0);
  });

  it('leave out outcomes that did not occur', () => {
    const executions = [
      makeExecution(1),
      makeExecution(2),
      makeExecution(3, { status: 'failed' })
    ];

    expect(outcomeLabel(executions, trans)).toBe('2 succeeded, 1 failed');
  });
});
