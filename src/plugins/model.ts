/** The executions, for all other plugins. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

import { ExecutionsClient } from '../api/client';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- listens from the start
import { ExecutionsModel } from '../model/executions';
import { IExecutionsModel } from '../tokens';

/** Provides the executions model. */
export const modelPlugin: JupyterFrontEndPlugin<IExecutionsModel> = {
  id: 'jupyter_async_exec:model',
  description: 'Knows the executions: events first, a slow poll as safety net.',
  autoStart: true,
  provides: IExecutionsModel,
  activate: (app: JupyterFrontEnd): IExecutionsModel => {
    const { events, serverSettings } = app.serviceManager;
    return new ExecutionsModel({
      client: new ExecutionsClient(serverSettings),
      stream: events.stream
    });
  }
};
