/** Checks the bounds on cold start and hostile bodies. */

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BOUNDS } from './bounds';
import { benchHostile } from './hostile';
import { loadFootprint } from './loadFootprint';
import { loadInFreshWorker } from './freshWorker';
import { measuredInAlternation, result } from './measure';
import { unbundledPackages, wholeApp } from './peerApps';

const BUNDLE = 'dist/app.js';
const ROUNDS = 9;

/**
 * `npm run bench -- --check`: checks whether a cold start or a hostile body has become more expensive. The files and
 * code of a load are counted, which gives the same result on a busy machine. CPU time is a ratio to the peer of the
 * same run, and is not judged if it is too noisy.
 */
export async function checkBounds(): Promise<boolean> {
  const whole = await wholeApp();
  const atLoad = loadFootprint(resolve(BUNDLE));
  const measured: Record<keyof typeof BOUNDS, number | null> = {
    bundleBytes: statSync(BUNDLE).size,
    filesRead: atLoad.files.length,
    runAtLoadBytes: atLoad.ranBytes,
    runByAllPartsBytes: loadFootprint(join(whole, 'index.js')).ranBytes,
    nodeModulesAtLoad: atLoad.nodeModules,
    hostileCpuRatio: await hostileCpuRatio(),
    loadCpuRatio: await cpuRatio(),
  };
  const verdicts = (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).map((name) => {
    const value = measured[name];
    const verdict =
      value === null ? 'no verdict: the machine is too busy' : value > BOUNDS[name] ? 'PAST' : 'kept';
    return { name, measured: value, bound: BOUNDS[name], verdict };
  });
  console.table(verdicts);
  for (const { name, measured: value, bound, verdict } of verdicts) {
    if (verdict === 'PAST')
      console.error(`${name} is ${value ?? ''}, and ${bound} is the bound (bench/bounds.ts)`);
  }
  return verdicts.every(({ verdict }) => verdict !== 'PAST');
}

const HOSTILE_ROUNDS = 3;

/** null if all ratios are too noisy */
async function hostileCpuRatio(): Promise<number | null> {
  const ratios = (await benchHostile(HOSTILE_ROUNDS)).flatMap(({ ratio }) => ratio ?? []);
  return ratios.length === 0 ? null : Math.max(...ratios);
}

/** null if the ratio is too noisy, or if the system does not provide CPU times */
async function cpuRatio(): Promise<number | null> {
  const unbundled = await unbundledPackages();
  const costs = await measuredInAlternation(ROUNDS, {
    app: () => loadInFreshWorker(process.execPath, process.cwd()),
    unbundled: () => loadInFreshWorker(process.execPath, unbundled),
  });
  const cpu = (all: readonly { cpuMs: number }[]): number[] => all.map(({ cpuMs }) => cpuMs);
  return result('load', cpu(costs.app), 'unbundled', cpu(costs.unbundled)).ratio ?? null;
}
