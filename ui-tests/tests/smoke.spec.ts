import { expect, test } from '@jupyterlab/galata';

test('JupyterLab starts with the extension', async ({ page }) => {
  const ids = await page.evaluate(() => window.jupyterapp.listPlugins());

  expect(ids.filter(id => id.startsWith('jupyter_async_exec:'))).not.toEqual(
    []
  );
});
