/**
 * Keys that do something with the row that has the focus; where keys lead, navigation.ts knows.
 */
import type { SweepSummary } from '../api/types';
import { CommandIDs } from '../commands';
import type { IListPlace } from '../tokens';
import type { SidebarState } from './state';

/** What keys act through. */
export interface IKeyActions {
  /** What is selected. */
  state: SidebarState;
  /** Run a command for an execution. */
  run: (command: string, id: string) => void;
  /** Run a command for a sweep. */
  runForSweep: (command: string, id: string) => void;
  /** Whether the executions of a sweep stand below its row. */
  isOpen: (id: string) => boolean;
  /** Open a sweep, or close it. */
  toggle: (sweep: SweepSummary) => void;
}

/**
 * Do what a key means on a row.
 *
 * @param place - the row.
 * @param key - as the browser names it.
 * @param actions - what it acts through.
 * @returns Whether it means anything there.
 */
export function actOnKey(
  { execution, sweep, within }: IListPlace,
  key: string,
  actions: IKeyActions
): boolean {
  if (sweep !== null) {
    return actOnSweep(sweep, key, actions);
  }
  if (execution === null) {
    return false;
  }
  const { run, state } = actions;
  switch (key) {
    case 'Delete':
      run(CommandIDs.deleteExecution, execution.id);
      return true;
    case 'F2':
      run(CommandIDs.rename, execution.id);
      return true;
    case 'Escape':
      state.choose([]);
      state.peek(null);
      return true;
    case 'ArrowLeft':
      if (within !== null) {
        state.focus(within);
      }
      return within !== null;
    default:
      return false;
  }
}

function actOnSweep(
  sweep: SweepSummary,
  key: string,
  { isOpen, runForSweep, toggle }: IKeyActions
): boolean {
  switch (key) {
    case 'Delete':
      runForSweep(CommandIDs.deleteSweep, sweep.id);
      return true;
    case 'ArrowRight':
    case 'ArrowLeft':
      if (isOpen(sweep.id) === (key === 'ArrowLeft')) {
        toggle(sweep);
        return true;
      }
      return false;
    default:
      return false;
  }
}
