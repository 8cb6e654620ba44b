import js from '@eslint/js';
import jupyterPlugin from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** `@jupyter/eslint-plugin` recommends some rules as warnings; here each is an error. */
const jupyterRules = Object.fromEntries(
  [jupyterPlugin.configs.recommended]
    .flat()
    .flatMap(config => Object.entries(config.rules ?? {}))
    .map(([rule, level]) => [
      rule,
      Array.isArray(level) ? ['error', ...level.slice(1)] : 'error'
    ])
);

/** The rooms of `src` that show something: each is a stranger to the others. */
const views = ['sidebar', 'submit', 'viewer', 'compare', 'notifiers'];

/** Who must not import whom. `src/plugins` and `src/index.ts` may import everything. */
const zones = [
  ...views.map(room => ({
    target: `./src/${room}`,
    from: ['plugins', ...views.filter(other => other !== room)].map(
      other => `./src/${other}`
    ),
    message: `src/${room} knows src/model, src/api and the tokens; src/plugins connects the rooms.`
  })),
  {
    target: './src/model',
    from: './src',
    except: ['./model', './api', './tokens.ts'],
    message: 'src/model knows only src/api and the tokens.'
  },
  {
    target: './src/fields',
    from: './src',
    except: ['./fields'],
    message: 'src/fields knows no other room.'
  },
  {
    target: './src/api',
    from: './src',
    except: ['./api'],
    message: 'src/api knows no other room.'
  }
];

export default defineConfig([
  {
    ignores: [
      '**/*.js',
      '**/*.mjs',
      '**/*.d.ts',
      '**/node_modules',
      '.schema-fresh.ts',
      '.venv',
      '.yarn',
      'dist',
      'docs',
      'jupyter_async_exec',
      'lib',
      'src/api/schema.ts'
    ]
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [js.configs.recommended, tseslint.configs.recommended],
    languageOptions: {
      globals: { ...globals.browser },
      parserOptions: {
        project: ['tsconfig.test.json', 'ui-tests/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { 'import-x': importX, jupyter: jupyterPlugin },
    settings: {
      // Without these two, no-cycle reads no TypeScript and finds nothing.
      'import-x/extensions': ['.ts', '.tsx'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.tsx', '.d.ts', '.js'] })
      ]
    },
    rules: {
      ...jupyterRules,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      // A class and a namespace of one name, `IOptions` in it: JupyterLab's habit.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        { basePath: import.meta.dirname, zones }
      ],
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['**/__tests__/**', 'ui-tests/**'],
    rules: { 'jupyter/no-untranslated-string': 'off' }
  },
  {
    files: ['ui-tests/**/*.ts'],
    languageOptions: { globals: { ...globals.node } }
  },
  prettier
]);
