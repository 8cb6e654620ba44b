/**
 * What went to the trash: an answer that was on its way does not bring it back.
 *
 * #### Notes
 * Only answers asked for before it was gone may still hold it. What is asked
 * for later knows better: somebody may have taken it out again elsewhere.
 */
export class Trash {
  /**
   * Note that the server is asked something now.
   *
   * @returns When that was, for `hides()`.
   */
  ask(): number {
    this._now += 1;
    return this._now;
  }

  /**
   * Something is being deleted.
   *
   * @param id - its id.
   */
  add(id: string): void {
    this._since.set(id, Infinity);
  }

  /**
   * The server says that it is gone.
   *
   * @param id - its id.
   */
  settle(id: string): void {
    this._since.set(id, this._now);
  }

  /**
   * It is there after all.
   *
   * @param id - its id.
   */
  delete(id: string): void {
    this._since.delete(id);
  }

  /**
   * Whether an answer holds something that has gone since it was asked for.
   *
   * @param id - what it holds.
   * @param asked - when it was asked for.
   */
  hides(id: string, asked: number): boolean {
    const since = this._since.get(id);
    return since !== undefined && asked <= since;
  }

  private _now = 0;
  private _since = new Map<string, number>();
}
