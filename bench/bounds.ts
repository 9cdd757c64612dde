/** Upper bounds of cold start and hostile bodies. */

/** Past one of these `npm run bench -- --check` fails: far enough from what is measured that only a change of the code reaches it. */
export const BOUNDS = {
  /** bytes of dist/app.js: a package of 100 KB more, minified, passes it */
  bundleBytes: 1_350_000,
  /** files that loading the app reads */
  filesRead: 1,
  /** bytes of the bundle's functions that run until the functions are registered */
  runAtLoadBytes: 140_000,
  /** the same with the code of all parts run, as the first requests of all functions do */
  runByAllPartsBytes: 285_000,
  /** modules of Node that the load reads */
  nodeModulesAtLoad: 45,
  /** the largest CPU time of a hostile body by that of an ordinary one of the same inflated size */
  hostileCpuRatio: 2,
  /** CPU time of the load by that of the same packages unbundled */
  loadCpuRatio: 0.5,
} as const;
