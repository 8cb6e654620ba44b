/** Configuration for Playwright using the defaults of Galata. */
const base = require('@jupyterlab/galata/lib/playwright-config');

/** So many tests run at a time; each finds a server of its own, see `fixtures.ts`. */
const workers = 2;

const ports = Array.from(
  { length: workers },
  (_, index) => Number(process.env.JUPYTER_TEST_PORT || 18988) + index
);
const url = port => `http://127.0.0.1:${port}`;

module.exports = {
  ...base,
  testDir: './tests',
  workers,
  retries: 0,
  forbidOnly: !!process.env.CI,
  // A test that hangs ends some day; a busy machine is no failure.
  timeout: 120000,
  expect: { timeout: 30000 },
  reporter: [['list']],
  use: {
    ...base.use,
    baseURL: url(ports[0]),
    // Without it a click on something absent eats the whole test timeout.
    actionTimeout: 30000,
    // Recording needs Playwright's own ffmpeg, which a system browser lacks.
    video: 'off',
    // Without pictures: they cost a quarter of all processor time, and the
    // page is in it anyway.
    trace: process.env.CI
      ? { mode: 'retain-on-failure', screenshots: false, sources: false }
      : 'off',
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
  webServer: ports.map(port => ({
    command: 'jlpm start',
    env: { JUPYTER_TEST_PORT: String(port) },
    url: `${url(port)}/lab`,
    timeout: 120000,
    stdout: 'ignore',
    reuseExistingServer: !process.env.CI
  }))
};
