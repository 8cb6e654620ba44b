/** Where a notebook is going to run: which backends can run it, and which one was chosen. */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Backend, Options } from '../api/types';
import { LOCAL } from '../model/labels';

/** How often the backends are asked how they are, while the form is open. */
const LOOK_MS = 2000;

/** What a submission says of where it runs. */
export type PlaceOptions = Pick<Options, 'backend' | 'resources'>;

/** What every machine has: no reason to ask everybody how much of it they need. */
const MEMORY = 'memory_gb';

/** State of the part of the form that is about where. */
export class PlaceForm {
  /** Create it; it knows of no backend until it has looked. */
  constructor(options: PlaceForm.IOptions) {
    this._options = options;
    this._asked = options.resources;
  }

  /** Emitted after every change. */
  get changed(): ISignal<PlaceForm, void> {
    return this._changed;
  }

  /** Whether there is anything to choose. */
  get isShown(): boolean {
    return (
      this.hasSeveral ||
      this._backends.some(({ resources }) =>
        Object.keys(resources).some(name => name !== MEMORY)
      )
    );
  }

  /** Whether there is more than one place. */
  get hasSeveral(): boolean {
    return this._backends.length > 1;
  }

  /** Those that can run the notebook. */
  get able(): readonly Backend[] {
    return this._backends.filter(({ can_run }) => can_run !== false);
  }

  /** Those that cannot; each says why. */
  get unable(): readonly Backend[] {
    return this._backends.filter(({ can_run }) => can_run === false);
  }

  /** Name of the one that is chosen. */
  get chosen(): string {
    const names = this.able.map(({ name }) => name);
    const wanted = this._wanted ?? this._options.last;
    return names.includes(wanted) ? wanted : (names[0] ?? LOCAL);
  }

  /** What can be asked for there besides a slot: name to how much at most. */
  get offered(): Readonly<Record<string, number>> {
    const found = this.able.find(({ name }) => name === this.chosen);
    return found?.resources ?? {};
  }

  /** How much of it is asked for. */
  get resources(): Readonly<Record<string, number>> {
    const { offered } = this;
    return Object.fromEntries(
      Object.entries(this._asked)
        .filter(([name]) => name in offered)
        .map(([name, amount]) => [name, Math.min(amount, offered[name])])
    );
  }

  /** What the submission says; empty where the server need not be told. */
  get options(): PlaceOptions {
    const { chosen, resources } = this;
    return {
      ...(chosen === LOCAL ? {} : { backend: chosen }),
      ...(Object.keys(resources).length > 0 ? { resources } : {})
    };
  }

  /** The same in full, for what would otherwise run where it ran; empty without a choice. */
  get whole(): PlaceOptions {
    const { chosen, isShown, resources } = this;
    return isShown ? { backend: chosen, resources } : {};
  }

  /**
   * Choose a backend.
   *
   * @param name - its name.
   */
  choose(name: string): void {
    this._wanted = name;
    this._changed.emit();
  }

  /**
   * Ask for something besides a slot.
   *
   * @param name - what.
   * @param amount - how much; null for none of it.
   */
  ask(name: string, amount: number | null): void {
    const others = Object.entries(this._asked).filter(([one]) => one !== name);
    this._asked = Object.fromEntries(
      amount === null ? others : [...others, [name, amount]]
    );
    this._changed.emit();
  }

  /** Look how the backends are, now and, where there is a choice, again and again. */
  async watch(): Promise<void> {
    try {
      this._backends = await this._options.find();
      this._changed.emit();
    } catch {
      // What was known before is the best there is.
    }
    if (this.isShown && !this._isStopped) {
      this._timer = window.setTimeout(() => void this.watch(), LOOK_MS);
    }
  }

  /** Look no more. */
  stop(): void {
    this._isStopped = true;
    window.clearTimeout(this._timer);
  }

  private _asked: Readonly<Record<string, number>>;
  private _backends: readonly Backend[] = [];
  private _changed = new Signal<PlaceForm, void>(this);
  private _isStopped = false;
  private _options: PlaceForm.IOptions;
  private _timer = 0;
  private _wanted: string | null = null;
}

/** A namespace for `PlaceForm` statics. */
export namespace PlaceForm {
  /** What it stands on. */
  export interface IOptions {
    /** Ask for the backends. */
    find: () => Promise<readonly Backend[]>;
    /** Where the notebook ran the last time. */
    last: string;
    /** What it asked for there. */
    resources: Readonly<Record<string, number>>;
  }
}
