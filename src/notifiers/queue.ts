/**
 * Decides who is told what, and when: the quiet contract.
 */
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type { Execution, SweepSummary } from '../api/types';
import { runSeconds } from '../model/labels';
import type { IExecutionsModel, INotifier, INotifierRegistry } from '../tokens';
import type { IClaims } from './claims';
import type { SweepWatch } from './sweeps';

/** What ends within so many milliseconds is told together. */
const MERGE_MS = 2000;

/** How long a tab in the background lets one in the foreground go first. */
const BACKGROUND_MS = 1500;

/** Something to tell. */
type News =
  | { readonly type: 'execution'; readonly execution: Execution }
  | { readonly type: 'sweep'; readonly sweep: SweepSummary };

/** Holds executions and sweeps that are over until it is right to tell of them. */
export class NoticeQueue implements IDisposable {
  /**
   * @param options - what it watches and whom it asks.
   */
  constructor(options: NoticeQueue.IOptions) {
    this._options = options;
    this.minimumRunSeconds = 10;
    options.model.finished.connect(this._onFinished, this);
    options.sweeps.over.connect(this._onSweep, this);
    options.sweeps.goesOn.connect(this._onSweep, this);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  /** Executions that ran shorter only change the list. */
  minimumRunSeconds: number;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    document.removeEventListener('visibilitychange', this._onVisibility);
    Signal.clearData(this);
  }

  private _onFinished(_: IExecutionsModel, execution: Execution): void {
    if (execution.sweep_id !== null) {
      // A sweep is one notice.
      return;
    }
    const seconds = runSeconds(execution, this._options.model.now()) ?? 0;
    if (seconds < this.minimumRunSeconds) {
      return;
    }
    if (this._isOnScreen({ type: 'execution', execution })) {
      // No other tab may tell of it either.
      void this._options.claims.claim([execution.id]);
    } else {
      this._note({ type: 'execution', execution });
    }
  }

  private _onSweep(_: SweepWatch, sweep: SweepSummary): void {
    const { created_at, finished_at, last_added_at } = sweep;
    const end =
      finished_at === null
        ? this._options.model.now()
        : Date.parse(finished_at);
    const seconds = (end - Date.parse(last_added_at ?? created_at)) / 1000;
    const news: News = { type: 'sweep', sweep };
    if (seconds >= this.minimumRunSeconds && !this._noted.has(keyOf(news))) {
      this._noted.add(keyOf(news));
      this._note(news);
    }
  }

  /** Whether it was news and is none any more: there is an end to tell of. */
  private _isOutdated(news: News): boolean {
    return (
      news.type === 'sweep' &&
      news.sweep.finished_at === null &&
      this._options.sweeps.isOver(news.sweep.id)
    );
  }

  private _note(news: News): void {
    if (document.visibilityState === 'hidden') {
      this._unclaimed.set(keyOf(news), news);
      this._wait(MERGE_MS + BACKGROUND_MS);
    } else {
      void this._hold([news]);
    }
  }

  private _isOnScreen(news: News): boolean {
    return (
      news.type === 'execution' &&
      document.visibilityState !== 'hidden' &&
      this._options.isOnScreen(news.execution.id)
    );
  }

  private _onVisibility = (): void => {
    const isWaiting = this._unclaimed.size + this._held.size > 0;
    if (document.visibilityState === 'visible' && isWaiting) {
      this._wait(0);
    }
  };

  /** Claim news, and keep what this tab is to tell of. */
  private async _hold(news: readonly News[]): Promise<void> {
    const candidates = [...this._unclaimed.values(), ...news];
    this._unclaimed.clear();
    const keys = await this._options.claims.claim(candidates.map(keyOf));
    for (const candidate of candidates) {
      if (keys.includes(keyOf(candidate))) {
        this._held.set(keyOf(candidate), candidate);
      }
    }
    if (this._held.size > 0 && this._timer === 0) {
      this._wait(MERGE_MS);
    }
  }

  private _wait(ms: number): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => {
      this._timer = 0;
      void this._tell();
    }, ms);
  }

  private async _tell(): Promise<void> {
    const { notifiers, typing } = this._options;
    const isHidden = document.visibilityState === 'hidden';
    if (!isHidden && typing.remainingMs > 0) {
      this._wait(typing.remainingMs);
      return;
    }
    const channels = notifiers.notifiers.filter(
      notifier => notifier.canNotify?.() ?? true
    );
    if (channels.length === 0) {
      // Nobody can be reached here: kept until the page is seen again.
      return;
    }
    await this._hold([]);
    window.clearTimeout(this._timer);
    this._timer = 0;
    const news = [...this._held.values()].filter(
      each => !this._isOnScreen(each) && !this._isOutdated(each)
    );
    this._held.clear();
    if (!this._isDisposed) {
      channels.forEach(channel => pass(news, channel));
    }
  }

  private _held = new Map<string, News>();
  private _isDisposed = false;
  private _noted = new Set<string>();
  private _options: NoticeQueue.IOptions;
  private _timer = 0;
  private _unclaimed = new Map<string, News>();
}

/** A sweep to which executions are added is told of again. */
function keyOf(news: News): string {
  if (news.type === 'execution') {
    return news.execution.id;
  }
  const { finished_at, id, last_added_at } = news.sweep;
  return `${id}-${finished_at ?? `goes on ${last_added_at}`}`;
}

function pass(news: readonly News[], channel: INotifier): void {
  const executions = news.flatMap(each =>
    each.type === 'execution' ? [each.execution] : []
  );
  if (executions.length > 0) {
    void channel.notify(executions);
  }
  for (const each of news) {
    if (each.type === 'sweep') {
      void channel.notifySweep?.(each.sweep);
    }
  }
}

/** A namespace for `NoticeQueue` statics. */
export namespace NoticeQueue {
  /** What the queue watches and whom it asks. */
  export interface IOptions {
    /** The executions. */
    model: IExecutionsModel;

    /** Knows when sweeps are over. */
    sweeps: SweepWatch;

    /** The channels. */
    notifiers: INotifierRegistry;

    /** Which tab tells. */
    claims: IClaims;

    /** Whether somebody types. */
    typing: { readonly remainingMs: number };

    /** Whether the result of an execution is in front of the user. */
    isOnScreen: (executionId: string) => boolean;
  }
}
