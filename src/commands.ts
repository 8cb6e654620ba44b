/**
 * The ids of all commands. Who registers them is said beside each.
 *
 * #### Notes
 * Commands about one execution take `{ id: string }` (the full id). Without it
 * they act on the row that was right-clicked, or else on the selected row.
 */
export namespace CommandIDs {
  /** Submit the current notebook as it is now (`plugins/submit`). */
  export const submit = 'jupyter-async-exec:submit';

  /** Ask for parameter values, then submit (`plugins/submit`). */
  export const submitWithParameters =
    'jupyter-async-exec:submit-with-parameters';

  /** Submit the notebook file selected in the file browser (`plugins/submit`). */
  export const submitFile = 'jupyter-async-exec:submit-file';

  /** Run the same snapshot with other parameters (`plugins/submit`). */
  export const rerunWithParameters = 'jupyter-async-exec:rerun-with-parameters';

  /** Run the notebook as it is now with an execution's parameters (`plugins/submit`). */
  export const copyParameters = 'jupyter-async-exec:copy-parameters';

  /** Open the result of an execution, read-only (`plugins/viewer`). */
  export const open = 'jupyter-async-exec:open';

  /** Open the source snapshot of an execution, read-only (`plugins/viewer`). */
  export const openSource = 'jupyter-async-exec:open-source';

  /**
   * Show the sidebar (`plugins/sidebar`); `{ scope: 'notebook' | 'all' }` also
   * chooses whose executions.
   */
  export const showExecutions = 'jupyter-async-exec:show-executions';

  /** Ask for the end of an execution (`plugins/sidebar`). */
  export const cancel = 'jupyter-async-exec:cancel';

  /** Run the same snapshot again (`plugins/sidebar`). */
  export const rerun = 'jupyter-async-exec:rerun';

  /** Write the source as a new notebook (`plugins/sidebar`). */
  export const restore = 'jupyter-async-exec:restore';

  /** Edit the title in its row (`plugins/sidebar`). */
  export const rename = 'jupyter-async-exec:rename';

  /** Star, or take the star away (`plugins/sidebar`). */
  export const star = 'jupyter-async-exec:star';

  /** Move to the trash (`plugins/sidebar`). */
  export const deleteExecution = 'jupyter-async-exec:delete';

  /**
   * Ask for the end of a sweep (`plugins/sidebar`). Commands about a sweep take
   * `{ sweep: string }`, its id.
   */
  export const cancelSweep = 'jupyter-async-exec:cancel-sweep';

  /** Start nothing more of a sweep; what runs comes to its end (`plugins/sidebar`). */
  export const stopSweep = 'jupyter-async-exec:stop-sweep';

  /** Run again what failed in a sweep (`plugins/sidebar`). */
  export const retrySweep = 'jupyter-async-exec:retry-sweep';

  /** Ask for more values for a sweep (`plugins/sweeps`). */
  export const addToSweep = 'jupyter-async-exec:add-to-sweep';

  /** Run a notebook with the results of a sweep (`plugins/sweeps`). */
  export const collectSweep = 'jupyter-async-exec:collect-sweep';

  /** Move a sweep to the trash (`plugins/sidebar`). */
  export const deleteSweep = 'jupyter-async-exec:delete-sweep';

  /** Copy the numbers of a sweep (`plugins/sidebar`). */
  export const copyNumbers = 'jupyter-async-exec:copy-numbers';

  /** Take what was deleted last back out of the trash (`plugins/sidebar`). */
  export const undoDelete = 'jupyter-async-exec:undo-delete';

  /** Show what the notebook printed, in the sidebar (`plugins/sidebar`). */
  export const peekLog = 'jupyter-async-exec:peek-log';

  /**
   * Open executions side by side (`plugins/compare`): `{ ids: string[] }`, full
   * ids or numbers, or `{ sweep: string }`.
   */
  export const compare = 'jupyter-async-exec:compare';

  /** Open an execution beside the one before it (`plugins/compare`). */
  export const compareWithBefore = 'jupyter-async-exec:compare-with-before';

  /** Change how many executions may run at once (`plugins/slots`). */
  export const changeSlots = 'jupyter-async-exec:change-slots';

  /** Show what could be removed, and remove it (`plugins/space`). */
  export const freeSpace = 'jupyter-async-exec:free-space';

  /** Turn desktop notifications on or off (`plugins/notices`). */
  export const toggleDesktopNotices =
    'jupyter-async-exec:toggle-desktop-notices';
}
