/** Which bars of the dashboard's chart have a label. */

import { expect, test } from 'vitest';
import { tickPositions } from '../../../local/dashboard/page/chartAxis';

/** Bars that begin at 9:42 local time or later. */
const bars = (count: number, minutes: number, first = 42): Date[] =>
  Array.from({ length: count }, (_, i) => new Date(2026, 10, 24, 9, first + i * minutes));

const labels = (starts: readonly Date[], width: number): string[] =>
  tickPositions(starts, width).map((at) => starts[at]?.toTimeString().slice(0, 5) ?? '');

test('labels are at round times, evenly spread', () => {
  expect(labels(bars(31, 2), 260)).toEqual(['10:00', '10:20', '10:40']);
  expect(labels(bars(61, 1), 340)).toEqual(['09:50', '10:00', '10:10', '10:20', '10:30', '10:40']);
  expect(labels(bars(4, 1), 800)).toEqual(['09:42', '09:43', '09:44', '09:45']);
  expect(tickPositions([], 800)).toEqual([]);
});

test('labels are evenly spread also if no bar begins at a round time', () => {
  expect(tickPositions(bars(24, 60, 30), 400)).toEqual([2, 5, 8, 11, 14, 17, 20, 23]);
});
