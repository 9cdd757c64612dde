/** Benchmark of the load time of the app. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadCost, loadInFreshWorker, nodeOf } from './freshWorker';
import { type Result, measuredInAlternation, result } from './measure';
import { unbundledPackages, wholeApp, writeApp } from './peerApps';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 15);

/**
 * Measures the time from the start of a process to "functions registered", as in the worker of a new instance. The
 * peer imports the same packages by their names, unbundled, as their manuals say. An app without imports shows the
 * time of Node and the worker themselves. The app with all code run at load shows how much lazy evaluation saves.
 *
 * @param majors major versions of Node, fetched by npx if they are not the running one; Azure uses the last one
 */
export async function benchLoad(majors = [20, 22, 24]): Promise<Result[]> {
  const [unbundled, nothing, whole] = [
    await unbundledPackages(),
    await writeApp('nothing', ''),
    await wholeApp(),
  ];
  const results: Result[] = [];
  for (const major of majors) {
    const { node, version } = nodeOf(major);
    const cache = await mkdtemp(join(tmpdir(), 'hubfront-compile-cache-'));
    const load = (folder: string, env = {}) => loadInFreshWorker(node, folder, env);
    const costs = await measuredInAlternation(ROUNDS, {
      app: () => load(process.cwd()),
      unbundled: () => load(unbundled),
      nothing: () => load(nothing),
      whole: () => load(whole),
      // Node 20 does not support the setting, so there the result is the same as for `app`.
      cached: () => load(process.cwd(), { NODE_COMPILE_CACHE: cache }),
    });
    await rm(cache, { recursive: true, force: true });
    const ms = (all: readonly LoadCost[]): number[] => all.map((cost) => cost.ms);
    const cpu = (all: readonly LoadCost[]): number[] => all.map((cost) => cost.cpuMs);
    const [app, peer, floor] = [ms(costs.app), ms(costs.unbundled), ms(costs.nothing)];
    const beyond = (all: readonly number[]): number[] => all.map((time, i) => time - (floor[i] ?? 0));
    const name = `Node ${version}`;
    results.push(
      result(`load, ${name}`, app, 'the same packages unbundled', peer),
      result(`its CPU time, ${name}`, cpu(costs.app), 'the same packages unbundled', cpu(costs.unbundled)),
      result(`load, ${name}`, app, 'an app that imports nothing', floor),
      result(`load beyond that, ${name}`, beyond(app), 'the same packages unbundled', beyond(peer)),
      result(`load with all parts run, ${name}`, ms(costs.whole), 'the same packages unbundled', peer),
    );
    if (major >= 22) {
      results.push(result(`load with a compile cache, ${name}`, ms(costs.cached), 'without', app));
    }
  }
  return results;
}
