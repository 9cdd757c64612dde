/** `npm run test:full` sets it: long runs in full. Otherwise they are shortened, so that `npm test` stays short. */
export const IS_FULL = process.env.HUBFRONT_TEST_FULL === '1';

/** Whether tests with the tag `full` run, in full length or not. */
export const HAS_FULL_TESTS = process.env.HUBFRONT_FULL_TESTS === '1';

/** The number of runs, messages or requests of a long test. */
export function runs(short: number, full: number): number {
  return IS_FULL ? full : short;
}

/** Options of the case at an index of a list: `npm test` runs the first `count`, and the full run all of them. */
export function fullAfter(count: number, index: number): { tags: string[] } {
  return { tags: index < count ? [] : ['full'] };
}
