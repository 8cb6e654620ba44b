import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';

import type { SweepSummary } from '../../api/types';
import { CommandIDs } from '../../commands';
import { ToastNotifier } from '../../notifiers/toast';
import { TypingWatch } from '../../notifiers/typing';
import { makeExecution } from '../fakes';

const trans = nullTranslator.load('jupyter_async_exec');

describe('ToastNotifier', () => {
  const commands = new CommandRegistry();
  const opened: unknown[] = [];
  commands.addCommand(CommandIDs.open, {
    describedBy: { args: { type: 'object', properties: {} } },
    execute: args => opened.push(args['id'])
  });
  const toast = new ToastNotifier({ commands, trans });
  const last = (): Notification.INotification =>
    Notification.manager.notifications[0];

  afterEach(() => Notification.manager.dismiss());

  it('lets a success go by itself', () => {
    toast.notify([makeExecution(1)]);

    expect(last().type).toBe('success');
    expect(last().message).toBe('#1 succeeded after 1:00: title 1');
    expect(last().options.autoClose).toBe(5000);
  });

  it('says of what was lost and tried again that it may have run twice', () => {
    const remark = { kind: 'tried_again', message: '', cell_index: null };

    toast.notify([makeExecution(1, { remarks: [remark] })]);

    expect(last().message).toBe(
      '#1 succeeded after 1:00: title 1 (lost once and tried again: its cells may have run twice)'
    );
  });

  it('keeps a failure until it is closed', () => {
    toast.notify([makeExecution(1, { status: 'failed', reason: 'lost' })]);

    expect(last().type).toBe('error');
    expect(last().options.autoClose).toBe(false);
  });

  it('sums several up', () => {
    toast.notify([
      makeExecution(1),
      makeExecution(2),
      makeExecution(3, { status: 'failed' })
    ]);

    expect(last().message).toBe('3 executions are over: 2 succeeded, 1 failed');
  });

  it('says how a sweep ended, and why the rest was not started', () => {
    toast.notifySweep({
      status: 'failed',
      counts: { queued: 0, running: 0, succeeded: 0, failed: 4, cancelled: 0 },
      first_number: 18,
      last_number: 21,
      finished_at: '2026-01-01T10:00:00Z',
      n_reused: 0,
      message: 'The first one failed.'
    } as SweepSummary);

    expect(last().type).toBe('error');
    expect(last().message).toBe(
      'Sweep #18–21 is over: 4 failed. The first one failed.'
    );
  });

  it('offers to open the result', () => {
    toast.notify([makeExecution(1)]);

    last().options.actions?.[0].callback(new MouseEvent('click'));

    expect(opened).toEqual([makeExecution(1).id]);
  });
});

describe('TypingWatch', () => {
  it('sees keys that go into fields, and forgets them after a pause', () => {
    let now = 1000;
    const watch = new TypingWatch(() => now);
    const field = document.body.appendChild(document.createElement('input'));

    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a' }));
    expect(watch.remainingMs).toBe(0);
    field.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'a', bubbles: true })
    );
    expect(watch.remainingMs).toBe(2000);
    now += 2000;

    expect(watch.remainingMs).toBe(0);
    watch.dispose();
  });
});
