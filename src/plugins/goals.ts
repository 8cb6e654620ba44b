/** Which metric counts, for all other plugins. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Poll } from '@lumino/polling';

import { Goals } from '../model/goals';
import { IExecutionsModel, IGoals } from '../tokens';

/** How often goals that others named are looked for, unless the page is hidden. */
const INTERVAL_MS = 30_000;
const MAX_INTERVAL_MS = 300_000;

/** Provides the goals of notebooks. */
export const goalsPlugin: JupyterFrontEndPlugin<IGoals> = {
  id: 'jupyter_async_exec:goals',
  description: 'Knows which metric counts, for each notebook.',
  autoStart: true,
  provides: IGoals,
  requires: [IExecutionsModel],
  activate: (app: JupyterFrontEnd, executions: IExecutionsModel): IGoals => {
    const goals = new Goals(executions.client);
    // Nothing waits for them; without an answer there are none.
    const poll = new Poll({
      name: 'jupyter_async_exec:goals',
      auto: false,
      factory: () => goals.refresh(),
      frequency: { interval: INTERVAL_MS, backoff: true, max: MAX_INTERVAL_MS },
      standby: 'when-hidden'
    });
    const look = (): void => {
      void poll.refresh().catch(() => undefined);
    };
    void executions.ready.then(look);
    // Which execution of a sweep is the best is for the server to say.
    goals.changed.connect(() => executions.sweeps.askAgain());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) {
        look();
      }
    });
    // What was named in one tab is there in the others at once.
    const { baseUrl } = app.serviceManager.serverSettings;
    const tabs = new BroadcastChannel(`jupyter_async_exec:goals:${baseUrl}`);
    tabs.addEventListener('message', look);
    goals.named.connect(() => tabs.postMessage(null));
    return goals;
  }
};
