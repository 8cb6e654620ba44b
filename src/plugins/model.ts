/** The executions, for all other plugins. */
import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

// eslint-disable-next-line jupyter/prefer-lazy-imports -- asks from the start
import { ExecutionsClient } from '../api/restclient';
import { EventSocket } from '../api/eventsocket';
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
    const { serverSettings } = app.serviceManager;
    const socket = new EventSocket(serverSettings);
    return new ExecutionsModel({
      client: new ExecutionsClient(serverSettings),
      events: socket.received,
      reconnected: socket.reconnected
    });
  }
};
