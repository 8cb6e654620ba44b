/** Which clicks are one: the ids that make a double click or a repeated POST one execution. */
import { UUID } from '@lumino/coreutils';

/** How long after a click another one on the same notebook still belongs to it. */
const BURST_MS = 1000;

/**
 * Ids for submissions, one per burst of clicks on an unchanged notebook.
 *
 * #### Notes
 * The server makes one execution per id. So an id is used again while its
 * submission is on the way, within a second of the click, and as long as
 * nobody knows whether the submission arrived.
 */
export class RequestIds {
  /** Create ids; `options` replace the clock and the generator in tests. */
  constructor(options: RequestIds.IOptions = {}) {
    this._now = options.now ?? (() => Date.now());
    this._makeId = options.makeId ?? (() => UUID.uuid4());
  }

  /**
   * Get the id to submit with.
   *
   * @param path - The notebook.
   * @param content - All that is sent, as text; another content is another request.
   */
  take(path: string, content: string): string {
    const last = this._last.get(path);
    if (
      last &&
      last.content === content &&
      (last.open || this._now() - last.takenAt < BURST_MS)
    ) {
      return last.id;
    }
    const id = this._makeId();
    this._last.set(path, { id, content, takenAt: this._now(), open: true });
    return id;
  }

  /**
   * Note that the server answered: accepted or refused, we know which.
   *
   * @param path - The notebook.
   * @param id - The id the answer belongs to.
   */
  close(path: string, id: string): void {
    const last = this._last.get(path);
    if (last?.id === id) {
      last.open = false;
    }
  }

  private _now: () => number;
  private _makeId: () => string;
  private _last = new Map<
    string,
    { id: string; content: string; takenAt: number; open: boolean }
  >();
}

/** A namespace for `RequestIds` statics. */
export namespace RequestIds {
  /** What can be replaced. */
  export interface IOptions {
    /** Milliseconds since some moment. */
    now?: () => number;
    /** A fresh id, at most 128 characters. */
    makeId?: () => string;
  }
}
