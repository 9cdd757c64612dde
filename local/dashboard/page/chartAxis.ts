/** The bars and the labels of the time axis, as many as there is room for. */

import type { View } from '../view';

const MINUTE_MS = 60_000;
/** Numbers of bars that become one bar. */
const MERGED_BARS = [1, 2, 5, 10, 15, 30, 60];
/** Minutes between two labels. Each divides a day. */
const LABEL_STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 360, 720, 1440];
/** Width of a label such as `10:42` and the space beside it, in px. */
const LABEL_PX = 46;

/** Merges neighbouring buckets until there are at most so many bars. Only the first and the last may be partial. */
export function mergeBuckets({ minutes, events }: View['buckets'], mostBars: number): View['buckets'] {
  const merged = MERGED_BARS.find((count) => events.length / count <= mostBars) ?? 1;
  if (merged === 1) return { minutes, events };
  const lengthMs = merged * minutes * MINUTE_MS;
  const bars = new Map<number, View['buckets']['events']>();
  for (const bucket of events) {
    const key = Math.floor(Date.parse(bucket.start) / lengthMs);
    bars.set(key, [...(bars.get(key) ?? []), bucket]);
  }
  return {
    minutes: merged * minutes,
    events: [...bars].map(([key, parts]) => ({
      start: new Date(key * lengthMs).toISOString(),
      events: parts.reduce((sum, part) => sum + part.events, 0),
      partial: parts.length < merged || parts.some(({ partial }) => partial),
    })),
  };
}

/**
 * Chooses the bars that have a label: evenly spread ones at round local times. In a time zone where no bar begins at a
 * round time, they are counted from the last bar.
 *
 * @param starts of the bars
 * @param width of the chart, px
 */
export function tickPositions(starts: readonly Date[], width: number): number[] {
  const barsPerLabel = Math.ceil((LABEL_PX * starts.length) / width);
  const isRound = (start: Date, step: number): boolean =>
    (60 * start.getHours() + start.getMinutes()) % step === 0;
  // Not the first step that fits: bars of two minutes begin at every second quarter of an hour only.
  const [most = []] = LABEL_STEPS.map((step) =>
    starts.flatMap((start, i) => (isRound(start, step) ? [i] : [])),
  )
    .filter((round) => round.every((at, i) => i === 0 || at - (round[i - 1] ?? 0) >= barsPerLabel))
    .sort((a, b) => b.length - a.length);
  if (most.length > 0) return most;
  return starts.flatMap((_, i) => ((starts.length - 1 - i) % barsPerLabel === 0 ? [i] : []));
}
