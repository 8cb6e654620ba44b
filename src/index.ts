import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';

/** Ids of the plugins this package provides. */
export const PLUGIN_ID = 'jupyter_async_exec:plugin';

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Run notebooks as executions while you keep editing.',
  autoStart: true,
  activate: (_app: JupyterFrontEnd): void => {}
};

export default plugin;
