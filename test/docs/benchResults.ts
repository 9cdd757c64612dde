/** Results of the benches, from the files in `bench/results`. */
import { readFileSync } from 'node:fs';
import type { Result } from '../../bench/measure';
import type { Run } from '../../bench/results';

export const resultsIn = (name: string): Run['results'] =>
  (JSON.parse(readFileSync(`bench/results/${name}.json`, 'utf8')) as Run).results;

/** The results of the runs that the pages name. Those of the feed are from the later run. */
const results = Object.entries({ ...resultsIn('2026-11-25'), ...resultsIn('2026-11-26-feed') }).filter(
  ([name]) => name !== 'feed',
);

/** The results of a bench, or of a group of benches: `feed` is all of `feed:…`. */
export function resultsOf(bench: string): readonly Result[] {
  return results
    .filter(([name]) => name === bench || name.startsWith(`${bench}:`))
    .flatMap(([, ofBench]) => ofBench);
}

/** @param against the peer, where a bench compares the same work with several peers */
export function result(bench: string, what: string, against?: string): Result {
  const found = resultsOf(bench).filter(
    (one) => one.what.startsWith(what) && (against === undefined || one.against?.startsWith(against)),
  );
  if (!found[0]) throw new Error(`There is no result of ${bench} for "${what}"`);
  return found[0];
}

export const median = (...of: Parameters<typeof result>): number => result(...of).median;
export const peer = (...of: Parameters<typeof result>): number => result(...of).peerMedian ?? NaN;
export const ratio = (...of: Parameters<typeof result>): number => result(...of).ratio ?? NaN;

/** A number in the description of a result, such as `(19,072 events/s)`. */
export function numberIn(text: string | undefined, pattern: RegExp): number {
  return Number(pattern.exec(text ?? '')?.[1]?.replaceAll(',', ''));
}

/** Results whose descriptions repeat (`… of which on the wire`) follow the one that they belong to. */
export function after(bench: string, what: string, steps: number): Result {
  const all = resultsOf(bench);
  return all[all.indexOf(result(bench, what)) + steps] ?? result(bench, `nothing follows ${what}`);
}

/** As `ratio`, of the result with exactly this description: others begin with it. */
export function exactRatio(bench: string, what: string, against?: string): number {
  const found = resultsOf(bench).find(
    (one) => one.what === what && (against === undefined || one.against === against),
  );
  return found?.ratio ?? result(bench, `${what} (exactly)`).median;
}

export const find = (run: readonly Result[], what: string, against?: string): Result => {
  const found = run.find((one) => one.what.startsWith(what) && (!against || one.against === against));
  if (!found) throw new Error(`no result "${what}"`);
  return found;
};
