/** @param {string} name @param {string} from @param {string} to @param {string} comment */
const forbid = (name, from, to, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: to },
});

/** Imports point one way, without cycles. `npm run lint` checks it. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files that import each other cannot be read, tested or moved alone. Types count too.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    forbid(
      'app-without-tools',
      '^src/',
      '^(analytics|emulator|local|clients|bench|test|infra)/',
      'What is deployed does not import the tools around it.',
    ),
    forbid(
      'iothub-without-http',
      '^src/iothub/',
      '^src/(functions|http|products)/',
      'src/iothub uses the Azure SDKs and our settings. It knows no triggers and no HTTP.',
    ),
    forbid(
      'http-without-iothub',
      '^src/http/',
      '^src/(functions|iothub|products)/',
      'src/http is HTTP only. The functions connect it with the hub.',
    ),
    forbid(
      'json-alone',
      '^src/json/',
      '^src/(?!json/)',
      'src/json knows nothing but JSON. http and iothub build on it.',
    ),
    forbid(
      'resilience-alone',
      '^src/resilience/',
      '^src/(functions|http|iothub|products)/',
      'src/resilience knows neither HTTP nor the hub. iothub and products build on it.',
    ),
    {
      name: 'packages-stand-alone',
      comment:
        'The emulator, the analytics runner and the clients import nothing of ours: each is a package.',
      severity: 'error',
      from: { path: '^(analytics|emulator|clients/[^/]+)/' },
      to: { path: '^(src|analytics|emulator|local|clients|bench|test|infra)/', pathNot: '^$1/' },
    },
    forbid(
      'local-without-tests',
      '^local/',
      '^(bench|test)/',
      'The local stack runs without the benches and tests.',
    ),
    forbid(
      'nothing-imports-local',
      '^(src|analytics|emulator|clients)/',
      '^local/',
      'The local stack composes the other folders, so none of them imports it.',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
