const jupyterlab = require('@jupyterlab/testing/lib/jest-config');

// Packages that ship ES modules only, which node cannot `require`.
const esModules = [
  '@codemirror',
  '@jupyter/',
  '@jupyterlab/',
  '@lumino/',
  '@marijn',
  '@microsoft',
  '@rjsf',
  'color',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
];

module.exports = {
  ...jupyterlab(__dirname),
  automock: false,
  collectCoverageFrom: ['src/**/*.{ts,tsx}', '!src/**/*.d.ts'],
  coverageReporters: ['text'],
  // The built extension and the browser tests carry a package.json of their own.
  modulePathIgnorePatterns: [
    '<rootDir>/jupyter_async_exec',
    '<rootDir>/ui-tests',
    '<rootDir>/lib',
    '<rootDir>/\\.venv'
  ],
  reporters: ['default'],
  testRegex: 'src/.*\\.spec\\.tsx?$',
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join('|')}))`]
};
