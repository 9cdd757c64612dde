import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** A file begins with a sentence about its purpose. A folder's index.ts that only re-exports has nothing to explain. */
const purposeFirst = {
  create: (context) => ({
    Program: (program) => {
      const isImport = ({ type, source }) =>
        type.startsWith('Import') || (type.startsWith('Export') && source);
      const code = program.body.find((statement) => !isImport(statement));
      const [comment] = context.sourceCode.getAllComments().filter(({ type }) => type !== 'Shebang');
      if (code && !(comment?.range[0] < code.range[0]))
        context.report({
          node: code,
          message: 'Begin the file with a comment: one sentence about its purpose.',
        });
    },
  }),
};

/** A file of a package: `undici/lib/…`, `@azure/event-hubs/dist/…`. */
const PRIVATE_PATH = '^(?!node:)(?:@[^/]+/)?[^@./][^/]*/.';
const PUBLIC_NAME =
  'Import a package by its public name. The build may exclude what it loads beside (local/narrowEntries.ts).';

export default defineConfig(
  globalIgnores(['**/dist', 'node_modules', '.hubfront', 'coverage', 'test/analytics/golden/**']),
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
    files: ['{src,emulator,analytics,clients,local,infra,bench}/**/*.{ts,mjs,cjs}'],
    plugins: { hubfront: { rules: { 'purpose-first': purposeFirst } } },
    rules: { 'hubfront/purpose-first': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: PRIVATE_PATH,
              message: PUBLIC_NAME,
            },
          ],
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/logging.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.object.name=/^(context|console)$/][callee.property.name=/^(log|trace|debug|info|warn|error)$/]',
          message: 'Log through src/logging.ts, which redacts secrets.',
        },
        {
          selector: `ImportExpression[source.value=/${PRIVATE_PATH.replaceAll('/', '\\/')}/]`,
          message: PUBLIC_NAME,
        },
      ],
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
);
