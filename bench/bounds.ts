/** Upper bounds of cold start and hostile bodies. */

/**
 * If a measurement exceeds one of these bounds, `npm run bench -- --check` fails. The bounds are far enough from
 * today's values that only a change of the code can exceed them.
 */
export const BOUNDS = {
  /** bytes of dist/app.js; another package of 100 KB, minified, would exceed it */
  bundleBytes: 1_350_000,
  /** files that loading the app reads */
  filesRead: 1,
  /** bytes of code in the bundle that runs until the functions are registered */
  runAtLoadBytes: 140_000,
  /** the same if the code of all parts is run, as by the first requests of all functions */
  runByAllPartsBytes: 330_000,
  /** modules of Node that are loaded */
  nodeModulesAtLoad: 45,
  /** highest CPU time of a hostile body, divided by that of an ordinary body of the same inflated size */
  hostileCpuRatio: 2,
  /** CPU time of loading, divided by that of the same packages unbundled */
  loadCpuRatio: 0.5,
} as const;
