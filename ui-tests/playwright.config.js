/** Configuration for Playwright using the defaults of Galata. */
const base = require('@jupyterlab/galata/lib/playwright-config');

const port = process.env.JUPYTER_TEST_PORT || '18988';
const url = `http://127.0.0.1:${port}`;

module.exports = {
  ...base,
  testDir: './tests',
  workers: 1,
  retries: 0,
  forbidOnly: !!process.env.CI,
  timeout: 60000,
  expect: { timeout: 15000 },
  reporter: [['list']],
  use: {
    ...base.use,
    baseURL: url,
    // Without it a click on something absent eats the whole test timeout.
    actionTimeout: 15000,
    // Recording needs Playwright's own ffmpeg, which a system browser lacks.
    video: 'off',
    trace: process.env.CI ? 'retain-on-failure' : 'off',
    launchOptions: {
      executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-dev-shm-usage',
        '--font-render-hinting=none'
      ]
    }
  },
  webServer: {
    command: 'jlpm start',
    env: { JUPYTER_TEST_PORT: port },
    url: `${url}/lab`,
    timeout: 120000,
    stdout: 'ignore',
    reuseExistingServer: !process.env.CI
  }
};
