/**
 * The values shown at the right of each row.
 */
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IColumn, IColumnRegistry } from '../../tokens';

/** Keeps columns by rank. */
export class ColumnRegistry implements IColumnRegistry {
  get columns(): readonly IColumn[] {
    return this._columns;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  register(column: IColumn): IDisposable {
    this._columns = [...this._columns, column].sort((a, b) => a.rank - b.rank);
    this._changed.emit();
    return new DisposableDelegate(() => {
      this._columns = this._columns.filter(other => other !== column);
      this._changed.emit();
    });
  }

  private _changed = new Signal<this, void>(this);
  private _columns: readonly IColumn[] = [];
}
