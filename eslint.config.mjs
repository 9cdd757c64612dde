import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Imports point one way; each folder lists the folders of ours that it may not reach. */
const mayNotImport = (files, folders, why) => ({
  files,
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ regex: `^\\.{1,2}/(.*/)?(${folders.join('|')})(/|$)`, message: why }] },
    ],
  },
});

export default defineConfig(
  globalIgnores(['**/dist', 'node_modules', '.hubfront', 'coverage']),
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Our interfaces are of closures, which have no `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Tests read answers as a client does, without a type for each.
    files: ['test/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        fetch: 'readonly',
      },
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { require: 'readonly', module: 'writable', __dirname: 'readonly' } },
  },
  mayNotImport(
    ['src/iothub/**'],
    ['functions', 'http', 'products', 'analytics', 'emulator', 'local', 'clients', 'bench', 'test'],
    'src/iothub knows the Azure SDKs and our settings, no triggers and no tools.',
  ),
  mayNotImport(
    ['src/resilience/**'],
    ['functions', 'http', 'iothub', 'products', 'analytics', 'emulator', 'local', 'clients', 'bench', 'test'],
    'src/resilience knows neither HTTP nor the hub: iothub and products build on it.',
  ),
  mayNotImport(
    ['src/http/**'],
    ['functions', 'iothub', 'analytics', 'emulator', 'local', 'clients', 'bench', 'test'],
    'src/http is HTTP only: the functions bring it together with the hub.',
  ),
  mayNotImport(
    ['src/functions/**', 'src/*.ts'],
    ['analytics', 'emulator', 'local', 'clients', 'bench', 'test'],
    'What is deployed knows nothing of the tools around it.',
  ),
  mayNotImport(
    ['analytics/**', 'emulator/**', 'clients/**'],
    ['src', 'analytics', 'emulator', 'local', 'functions', 'http', 'iothub', 'clients', 'bench', 'test'],
    'The emulator, the analytics runner and the clients stand alone: they import nothing of ours.',
  ),
  mayNotImport(['local/**'], ['bench', 'test'], 'The local stack runs without the benches and tests.'),
);
