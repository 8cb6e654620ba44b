import plugin, { PLUGIN_ID } from '../index';

describe('index', () => {
  it('exports a plugin that starts with JupyterLab', () => {
    expect(plugin.id).toBe(PLUGIN_ID);
    expect(plugin.autoStart).toBe(true);
  });
});
