/**
 * Lets exactly one of several open tabs tell of an execution.
 */

/** So many claims are remembered; older executions are long over. */
const REMEMBERED = 500;

/** Settles which tab tells of which execution. */
export interface IClaims {
  /**
   * Claim executions for this tab.
   *
   * @param ids - full ids.
   * @returns Those that nobody claimed before.
   */
  claim(ids: readonly string[]): Promise<string[]>;
}

/** Runs a task while no other tab runs one. */
export type Exclusive = <T>(name: string, task: () => T) => Promise<T>;

/**
 * Claims kept where all tabs of one server look.
 *
 * #### Notes
 * A lock around reading and writing makes it exact. Browsers have no locks on
 * pages without https; there the storage alone has to do, which two tabs can
 * only get wrong within the same millisecond.
 */
export class StoredClaims implements IClaims {
  /**
   * @param options - where claims are kept.
   */
  constructor(options: {
    storage: Pick<Storage, 'getItem' | 'setItem'>;
    key: string;
    exclusive?: Exclusive;
  }) {
    this._storage = options.storage;
    this._key = options.key;
    this._exclusive = options.exclusive ?? withLock;
  }

  claim(ids: readonly string[]): Promise<string[]> {
    return this._exclusive(this._key, () => {
      const claimed = this._read();
      const fresh = ids.filter(id => !claimed.includes(id));
      if (fresh.length > 0) {
        const all = claimed.concat(fresh).slice(-REMEMBERED);
        this._storage.setItem(this._key, JSON.stringify(all));
      }
      return fresh;
    });
  }

  private _read(): string[] {
    try {
      const stored: unknown = JSON.parse(
        this._storage.getItem(this._key) ?? '[]'
      );
      return Array.isArray(stored) ? stored.map(String) : [];
    } catch {
      return [];
    }
  }

  private _exclusive: Exclusive;
  private _key: string;
  private _storage: Pick<Storage, 'getItem' | 'setItem'>;
}

async function withLock<T>(name: string, task: () => T): Promise<T> {
  // Typed as always there, but absent outside https and localhost.
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) {
    return task();
  }
  return locks.request(name, async () => task());
}
