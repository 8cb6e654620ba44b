/** The part of the form's state that is about many executions; the server reads the values. */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ProblemError } from '../api/client';
import type {
  Parameters,
  Reuse,
  Sweep,
  SweepDefinition,
  SweepPlan
} from '../api/types';
import type { PlaceOptions } from './place';

/** How long typing must pause before the server is asked what it would be. */
const PAUSE_MS = 300;

const DAY_S = 86_400;

/** How values of several parameters go together. */
export type Mode = NonNullable<SweepDefinition['mode']>;

/** Which earlier results will do: none, any, or those of so many days. */
export type ReuseChoice = 'never' | 'exact' | '1' | '7' | '30';

/** What is asked of the server. */
export type SweepWish = SweepDefinition & {
  parameters?: Parameters;
  canary?: boolean;
  stop_after_failures?: number;
  reuse?: Reuse;
  /** Where they run, unless on this machine. */
  options?: PlaceOptions;
};

/** State of the part about many executions. */
export class SweepForm {
  /** Create it; it is of no effect until a parameter has several values. */
  constructor(options: SweepForm.IOptions) {
    this._options = options;
  }

  /** Emitted after every change. */
  get changed(): ISignal<SweepForm, void> {
    return this._changed;
  }

  /** What it would be; null until that is known. */
  get plan(): SweepPlan | null {
    return this._plan;
  }

  /** Why the server refuses it; null when it does not. */
  get problem(): ProblemError | null {
    return this._problem;
  }

  /** What was chosen beside the values. */
  get choices(): SweepForm.IChoices {
    return this._choices;
  }

  /** Which earlier results will do, as it is shown. */
  get reuse(): ReuseChoice {
    // What was computed from a file already is not computed again.
    const usual = (this._plan?.n_files ?? 0) > 0 ? 'exact' : 'never';
    return this._choices.reuse ?? usual;
  }

  /** Choose something. */
  choose(choices: Partial<SweepForm.IChoices>): void {
    this._choices = { ...this._choices, ...choices };
    this.ask(this._values, this._parameters);
    this._changed.emit();
  }

  /**
   * Ask what it would be, when typing pauses.
   *
   * @param values - by parameter the text of several values.
   * @param parameters - what is the same in all executions.
   */
  ask(values: Record<string, string>, parameters: Parameters): void {
    this._values = values;
    this._parameters = parameters;
    this._asked += 1;
    window.clearTimeout(this._timer);
    if (Object.keys(values).length === 0) {
      this._plan = null;
      this._problem = null;
      return;
    }
    this._timer = window.setTimeout(() => void this._ask(), PAUSE_MS);
  }

  /**
   * Submit it.
   *
   * @throws What the server refuses.
   */
  async submit(): Promise<Sweep> {
    return this._options.submit(this._wish());
  }

  /** Make sure that `plan` or `problem` is about what stands in the form. */
  async settle(): Promise<void> {
    window.clearTimeout(this._timer);
    await this._ask();
  }

  private _wish(): SweepWish {
    const { canary, mode, samples, stopAfter } = this._choices;
    const { reuse } = this._choices;
    return {
      values: this._values,
      ...(Object.keys(this._parameters).length > 0
        ? { parameters: this._parameters }
        : {}),
      ...(mode === 'grid' ? {} : { mode }),
      ...(mode === 'random' ? { samples } : {}),
      ...(canary === null ? {} : { canary }),
      ...(stopAfter === null ? {} : { stop_after_failures: stopAfter }),
      ...(reuse === null ? {} : { reuse: toReuse(reuse) })
    };
  }

  private async _ask(): Promise<void> {
    const asked = this._asked;
    let plan: SweepPlan | null = null;
    let problem: ProblemError | null = null;
    try {
      plan = await this._options.plan(this._wish());
    } catch (error) {
      // Silence shows when it is submitted.
      problem = error instanceof ProblemError ? error : null;
    }
    if (asked === this._asked) {
      this._plan = plan;
      this._problem = problem;
      this._changed.emit();
    }
  }

  private _asked = 0;
  private _changed = new Signal<SweepForm, void>(this);
  private _choices: SweepForm.IChoices = {
    mode: 'grid',
    samples: 10,
    canary: null,
    stopAfter: null,
    reuse: null
  };
  private _options: SweepForm.IOptions;
  private _parameters: Parameters = {};
  private _plan: SweepPlan | null = null;
  private _problem: ProblemError | null = null;
  private _timer = 0;
  private _values: Record<string, string> = {};
}

/** A namespace for `SweepForm` statics. */
export namespace SweepForm {
  /** How the server is asked. */
  export interface IOptions {
    /** Say what it would be. */
    plan: (wish: SweepWish) => Promise<SweepPlan>;
    /** Submit it. */
    submit: (wish: SweepWish) => Promise<Sweep>;
  }

  /** What can be chosen; null leaves it to the server. */
  export interface IChoices {
    readonly mode: Mode;
    /** With `random`: how many. */
    readonly samples: number;
    /** Whether the first one goes first, alone. */
    readonly canary: boolean | null;
    /** Nothing more is started after so many failures. */
    readonly stopAfter: number | null;
    readonly reuse: ReuseChoice | null;
  }
}

/**
 * Whether a text is meant as several values; what they are, the server says.
 *
 * @param text - what stands in the field of a number.
 */
export function looksLikeSeveral(text: string): boolean {
  return /,|\.\.|\(|^\s*glob:/.test(text);
}

function toReuse(choice: ReuseChoice): Reuse {
  switch (choice) {
    case 'never':
    case 'exact':
      return { policy: choice };
    case '1':
    case '7':
    case '30':
      return { policy: 'exact', max_age_s: Number(choice) * DAY_S };
  }
}
