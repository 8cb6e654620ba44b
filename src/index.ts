/**
 * Run notebooks as sealed, numbered executions while you keep editing.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { comparePlugin } from './plugins/compare';
import { goalsPlugin } from './plugins/goals';
import { modelPlugin } from './plugins/model';
import { noticesPlugin } from './plugins/notices';
import { columnsPlugin, sidebarPlugin } from './plugins/sidebar';
import { slotsPlugin } from './plugins/slots';
import { spacePlugin } from './plugins/space';
import { submitPlugin } from './plugins/submit';
import { sweepsPlugin } from './plugins/sweeps';
import { viewerPlugin } from './plugins/viewer';

export { CommandIDs } from './commands';
export * from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  goalsPlugin,
  columnsPlugin,
  noticesPlugin,
  viewerPlugin,
  submitPlugin,
  sidebarPlugin,
  slotsPlugin,
  spacePlugin,
  comparePlugin,
  sweepsPlugin
];

export default plugins;
