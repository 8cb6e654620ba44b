import plugins from '../index';

describe('index', () => {
  it('exports plugins that start with JupyterLab', () => {
    for (const plugin of plugins) {
      expect(plugin.id).toMatch(/^jupyter_async_exec:/);
      expect(plugin.autoStart).toBe(true);
    }
  });

  it('gives every plugin an id of its own', () => {
    const ids = plugins.map(({ id }) => id);

    expect(new Set(ids).size).toBe(ids.length);
  });
});
