/** What could be removed to make room, and removing it. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IExecutionsClient } from '../api/client';
import type { Collection, Retention } from '../api/types';

/** Seconds of a day. */
const DAY_S = 86_400;

/** So many latest executions of each notebook stay, if wanted. */
export const KEPT = 10;

/** What may go, as one chooses it. */
export type Choice = 'deleted' | 'unused30' | 'unused90' | 'older30' | 'all';

/** The choices, from the most careful on. */
export const CHOICES: readonly Choice[] = [
  'deleted',
  'unused90',
  'unused30',
  'older30',
  'all'
];

/**
 * What to ask the server for.
 *
 * @param choice - What may go.
 * @param keepsLast - Whether the latest executions of each notebook stay.
 */
export function retentionOf(choice: Choice, keepsLast: boolean): Retention {
  if (choice === 'deleted') {
    return { trash_s: 0, dry_run: true };
  }
  return {
    dry_run: true,
    ...(keepsLast ? { keep_last: KEPT } : {}),
    ...(choice === 'unused90' ? { unused_for_s: 90 * DAY_S } : {}),
    ...(choice === 'unused30' ? { unused_for_s: 30 * DAY_S } : {}),
    ...(choice === 'older30' ? { older_than_s: 30 * DAY_S } : {}),
    ...(choice === 'all' ? { older_than_s: 0 } : {})
  };
}

/** State of the dialog: a choice, and what it would remove. */
export class SpaceModel {
  /** Create the model; `refresh` asks what would go. */
  constructor(options: SpaceModel.IOptions) {
    this._options = options;
  }

  /** Emitted after every change. */
  get changed(): ISignal<SpaceModel, void> {
    return this._changed;
  }

  /** What may go. */
  get choice(): Choice {
    return this._choice;
  }
  set choice(choice: Choice) {
    this._choice = choice;
    void this.refresh();
  }

  /** Whether the latest executions of each notebook stay. */
  get keepsLast(): boolean {
    return this._keepsLast;
  }
  set keepsLast(keepsLast: boolean) {
    this._keepsLast = keepsLast;
    void this.refresh();
  }

  /** What would go; null until that is known. */
  get plan(): Collection | null {
    return this._plan;
  }

  /** What went wrong; null for nothing. */
  get problem(): string | null {
    return this._problem;
  }

  /** Whether it is known what would go, and that is something. */
  get canRemove(): boolean {
    const plan = this._plan;
    return plan !== null && (plan.n_executions > 0 || plan.n_objects > 0);
  }

  /** Ask what would go; only the answer to the latest question counts. */
  async refresh(): Promise<void> {
    const question = ++this._question;
    this._plan = null;
    this._problem = null;
    this._changed.emit();
    try {
      const plan = await this._options.client.makeRoom(this._retention);
      if (question === this._question) {
        this._plan = plan;
      }
    } catch (error) {
      if (question === this._question) {
        this._problem = (error as Error).message;
      }
    }
    this._changed.emit();
  }

  /**
   * Remove what was shown.
   *
   * @returns What has gone; null when nothing was shown that could.
   */
  async remove(): Promise<Collection | null> {
    if (!this.canRemove) {
      return null;
    }
    return this._options.client.makeRoom({
      ...this._retention,
      dry_run: false
    });
  }

  private get _retention(): Retention {
    return retentionOf(this._choice, this._keepsLast);
  }

  private _options: SpaceModel.IOptions;
  private _choice: Choice = 'deleted';
  private _keepsLast = true;
  private _plan: Collection | null = null;
  private _problem: string | null = null;
  private _question = 0;
  private _changed = new Signal<SpaceModel, void>(this);
}

/** A namespace for `SpaceModel` statics. */
export namespace SpaceModel {
  /** What it needs. */
  export interface IOptions {
    /** The REST calls. */
    client: Pick<IExecutionsClient, 'makeRoom'>;
  }
}

/**
 * A choice in words.
 *
 * @param choice - What may go.
 * @param trans - The words.
 */
export function choiceLabel(choice: Choice, trans: TranslationBundle): string {
  switch (choice) {
    case 'deleted':
      return trans.__('What was deleted');
    case 'unused90':
      return trans.__('What was not used for 90 days');
    case 'unused30':
      return trans.__('What was not used for 30 days');
    case 'older30':
      return trans.__('What is older than 30 days');
    case 'all':
      return trans.__('Everything that is over');
  }
}
