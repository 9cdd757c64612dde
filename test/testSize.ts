import { test } from 'vitest';

/** `npm run test:full` sets it: long runs in full. Otherwise they are shortened, so that `npm test` stays short. */
export const IS_FULL = process.env.HUBFRONT_TEST_FULL === '1';

/** Whether tests with the tag `full` run, in full length or not. */
export const HAS_FULL_TESTS = process.env.HUBFRONT_FULL_TESTS === '1';

/** The number of runs, messages or requests of a long test. */
export function runs(short: number, full: number): number {
  return IS_FULL ? full : short;
}

/**
 * Options of a property test. The cases are the same each time, so that no change fails by chance. ANALYTICS_FUZZ_RUNS sets
 * a number of other, random cases.
 */
export function propertyRuns(short: number, full: number, seed: number): { numRuns: number; seed?: number } {
  const random = process.env.ANALYTICS_FUZZ_RUNS;
  return random === undefined ? { numRuns: runs(short, full), seed } : { numRuns: Number(random) };
}

/** Options of the case at an index of a list: `npm test` runs the first `count`, and the full run all of them. */
export function fullAfter(count: number, index: number): { tags: string[] } {
  return { tags: index < count ? [] : ['full'] };
}

/** As `test.each`, for a list of which `npm test` runs the first `count` cases, and the full run all of them. */
export function testEach<T extends unknown[] | [unknown]>(
  count: number,
  cases: readonly T[],
): (title: string, check: (...one: T) => void | Promise<void>) => void {
  return (title, check) => {
    test.each(cases.slice(0, count))(title, check);
    test.each(cases.slice(count))(title, { tags: ['full'] }, check);
  };
}
