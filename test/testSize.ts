/** `npm run test:full` sets it: long runs in full. Otherwise they are shortened, so that `npm test` stays short. */
export const IS_FULL = process.env.HUBFRONT_TEST_FULL === '1';

/** The number of runs, messages or requests of a long test. */
export function runs(short: number, full: number): number {
  return IS_FULL ? full : short;
}
