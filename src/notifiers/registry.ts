/**
 * The channels that reach the person at this browser.
 */
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';

import type { INotifier, INotifierRegistry } from '../tokens';

/** Keeps notifiers in the order of their registration. */
export class NotifierRegistry implements INotifierRegistry {
  get notifiers(): readonly INotifier[] {
    return this._notifiers;
  }

  register(notifier: INotifier): IDisposable {
    this._notifiers = [...this._notifiers, notifier];
    return new DisposableDelegate(() => {
      this._notifiers = this._notifiers.filter(other => other !== notifier);
    });
  }

  private _notifiers: readonly INotifier[] = [];
}
