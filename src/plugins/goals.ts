/** Which metric counts, for all other plugins. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { Goals } from '../model/goals';
import { IExecutionsModel, IGoals } from '../tokens';

/** Provides the goals of notebooks. */
export const goalsPlugin: JupyterFrontEndPlugin<IGoals> = {
  id: 'jupyter_async_exec:goals',
  description: 'Knows which metric counts, for each notebook.',
  autoStart: true,
  provides: IGoals,
  requires: [IExecutionsModel],
  activate: (_app: JupyterFrontEnd, executions: IExecutionsModel): IGoals => {
    const goals = new Goals(executions.client);
    // Nothing waits for them; without an answer there are none.
    void executions.ready.then(() => goals.refresh()).catch(() => undefined);
    return goals;
  }
};
