/** Where a notebook was last sent from the form; the toolbar's click changes nothing of it. */
import type { PlaceOptions } from './place';

/** Where it is kept: the browser's, shared by its tabs. */
type Store = Pick<Storage, 'getItem' | 'setItem'>;

const KEY = 'jupyter_async_exec:last-places';

/** Notebooks that were not sent anywhere for longest are forgotten. */
const MOST_NOTEBOOKS = 200;

/**
 * Look up what was chosen for a notebook.
 *
 * @param path - Jupyter path.
 * @param store - where it is kept.
 * @returns What was chosen; empty when nothing was.
 */
export function lastPlace(
  path: string,
  store: Store = window.localStorage
): PlaceOptions {
  return all(store).find(([one]) => one === path)?.[1] ?? {};
}

/**
 * Keep what was chosen for a notebook.
 *
 * @param path - Jupyter path.
 * @param place - what was chosen, in full.
 * @param store - where it is kept.
 */
export function keepPlace(
  path: string,
  place: PlaceOptions,
  store: Store = window.localStorage
): void {
  const others = all(store).filter(([one]) => one !== path);
  const kept = [[path, place], ...others].slice(0, MOST_NOTEBOOKS);
  try {
    store.setItem(KEY, JSON.stringify(kept));
  } catch {
    // A full or forbidden storage: a convenience only.
  }
}

function all(store: Store): [string, PlaceOptions][] {
  try {
    const kept: unknown = JSON.parse(store.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? (kept as [string, PlaceOptions][]) : [];
  } catch {
    return [];
  }
}
