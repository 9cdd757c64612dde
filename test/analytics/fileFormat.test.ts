import { expect, test } from 'vitest';
import { isArray, isSpread } from '../../analytics/fileFormat';

/** Starts of files that are quadratic work for a reader that looks back or copies at each token. */
const EXPENSIVE = ['{"a":[1,', '1,', '[', '{"a":', '\\"'];

/** Milliseconds of the processor to examine a start of so many characters. */
function costOf(part: string, length: number): number {
  const start = `{"a":[${part.repeat(Math.ceil(length / part.length))}`;
  const before = process.cpuUsage();
  isSpread(start, false);
  isArray(start.slice(5), false);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

test.each(EXPENSIVE)('the format of a file is found in linear time: %j repeated', (part) => {
  costOf(part, 16_384);
  const once = Math.min(...[1, 2, 3].map(() => costOf(part, 32_768)));
  const eight = Math.min(...[1, 2, 3].map(() => costOf(part, 8 * 32_768)));
  // Quadratic time would be 64 times as much. 2 ms are below the accuracy.
  expect(eight).toBeLessThan(24 * Math.max(once, 2));
});
