/** The part of the form's state that is about many executions; the server reads the values. */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { ProblemError } from '../api/problem';
import type {
  Goal,
  Parameters,
  Reuse,
  Sweep,
  SweepDefinition,
  SweepPlan
} from '../api/types';
import type { PlaceOptions } from './place';
import { hasRows, looksSearched } from './varied';

/** How long typing must pause before the server is asked what it would be. */
const PAUSE_MS = 300;

const DAY_S = 86_400;

/** How many are tried unless somebody says how many. */
const N_DRAWN = 10;
const N_SEARCHED = 20;

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

/** What stands in the form that more than one execution is made of. */
export interface IVariety {
  /** By parameter the text of several values. */
  readonly values: Record<string, string>;
  /** Rows of values, as CSV or JSON; null for none. */
  readonly table: string | null;
  /** What is the same in all executions. */
  readonly parameters: Parameters;
}

/** State of the part about many executions. */
export class SweepForm {
  /** Create it; it is of no effect until something varies. */
  constructor(options: SweepForm.IOptions) {
    this._options = options;
  }

  /** Emitted after every change. */
  get changed(): ISignal<SweepForm, void> {
    return this._changed;
  }

  /** Whether executions are added to a sweep that is there. */
  get isAddition(): boolean {
    return this._options.isAddition ?? false;
  }

  /** What is known of adaptive search; null where there is none. */
  get search(): SweepForm.ISearch | null {
    return this.isAddition || this._variety.table !== null
      ? null
      : (this._options.search ?? null);
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

  /** How values go together: as chosen, or else as they look. */
  get mode(): Mode {
    const { mode } = this._choices;
    if (this.search === null) {
      return mode === null || mode === 'adaptive' ? 'grid' : mode;
    }
    const texts = Object.values(this._variety.values);
    return mode ?? (texts.some(looksSearched) ? 'adaptive' : 'grid');
  }

  /** How many are drawn, or searched. */
  get samples(): number {
    const usual = this.mode === 'adaptive' ? N_SEARCHED : N_DRAWN;
    return this._choices.samples ?? usual;
  }

  /** What is searched for: as chosen, or else what counts for the notebook. */
  get objective(): Goal {
    return (
      this._choices.objective ??
      this.search?.goal ?? { metric: '', direction: 'maximise' }
    );
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
    this.ask(this._variety);
    this._changed.emit();
  }

  /**
   * Ask what it would be, when typing pauses.
   *
   * @param variety - what stands in the form.
   */
  ask(variety: IVariety): void {
    this._variety = variety;
    this._asked += 1;
    window.clearTimeout(this._timer);
    const { table, values } = variety;
    const isOne = Object.keys(values).length === 0 && table === null;
    const isBegun = table === null || hasRows(table);
    if ((isOne && !this.isAddition) || !isBegun) {
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
    const { parameters, table, values } = this._variety;
    const { canary, reuse, stopAfter } = this._choices;
    const { mode } = this;
    return {
      values,
      ...(table === null ? {} : { table }),
      ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
      ...(mode === 'grid' ? {} : { mode }),
      ...(mode === 'random' ? { samples: this.samples } : {}),
      ...(mode === 'adaptive' ? this._searched() : {}),
      ...(canary === null ? {} : { canary }),
      ...(stopAfter === null ? {} : { stop_after_failures: stopAfter }),
      // A search takes no earlier results over.
      ...(reuse === null || mode === 'adaptive'
        ? {}
        : { reuse: toReuse(reuse) })
    };
  }

  private _searched(): Partial<SweepDefinition> {
    const { parallel } = this._choices;
    const metric = this.objective.metric.trim();
    return {
      samples: this.samples,
      ...(metric === '' ? {} : { objective: { ...this.objective, metric } }),
      ...(parallel === null ? {} : { parallel })
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
    mode: null,
    samples: null,
    objective: null,
    parallel: null,
    canary: null,
    stopAfter: null,
    reuse: null
  };
  private _options: SweepForm.IOptions;
  private _plan: SweepPlan | null = null;
  private _problem: ProblemError | null = null;
  private _timer = 0;
  private _variety: IVariety = { values: {}, table: null, parameters: {} };
}

/** A namespace for `SweepForm` statics. */
export namespace SweepForm {
  /** How the server is asked. */
  export interface IOptions {
    /** Say what it would be. */
    plan: (wish: SweepWish) => Promise<SweepPlan>;
    /** Submit it. */
    submit: (wish: SweepWish) => Promise<Sweep>;
    /** What is known of adaptive search; left out where there is none. */
    search?: ISearch;
    /** Whether executions are added to a sweep that is there. */
    isAddition?: boolean;
  }

  /** What is known of adaptive search. */
  export interface ISearch {
    /** Whether the server can: what it needs is installed. */
    readonly isAvailable: boolean;
    /** The metric that counts for the notebook. */
    readonly goal: Goal | null;
    /** Metrics that an earlier execution recorded. */
    readonly metrics: readonly string[];
  }

  /** What can be chosen; null leaves it to the server. */
  export interface IChoices {
    readonly mode: Mode | null;
    /** With `random` and `adaptive`: how many. */
    readonly samples: number | null;
    /** With `adaptive`: what is searched for. */
    readonly objective: Goal | null;
    /** With `adaptive`: how many at once. */
    readonly parallel: number | null;
    /** Whether the first one goes first, alone. */
    readonly canary: boolean | null;
    /** Nothing more is started after so many failures. */
    readonly stopAfter: number | null;
    readonly reuse: ReuseChoice | null;
  }
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
