/** One line of a bench's table. */
export interface Result {
  what: string;
  /** median, in `unit` */
  median: number;
  unit: 'ms' | 'MB';
  /** from the 10th to the 90th percentile */
  spread: string;
  against?: string;
  /** the peer's median */
  peerMedian?: number;
  /** this one's median by the peer's; "?" where the spread makes it meaningless */
  ratio?: string;
}

/** Beyond this, p90 by p10, medians of the rounds say nothing about each other. */
const MAX_SPREAD = 4;

/** Runs the rounds of each subject in turn, so that what else the machine does strikes all alike. @returns ms */
export async function inAlternation<Name extends string>(
  rounds: number,
  subjects: Record<Name, () => Promise<void>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(subjects) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await subjects[name](); // warm
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const start = performance.now();
      await subjects[name]();
      times[name].push(performance.now() - start);
    }
  }
  return times;
}

export function result(
  what: string,
  times: readonly number[],
  against?: string,
  peer?: readonly number[],
  unit: Result['unit'] = 'ms',
): Result {
  const [low, high] = [quantile(times, 0.1), quantile(times, 0.9)];
  const own = { what, median: round(median(times)), unit, spread: `${round(low)} to ${round(high)}` };
  if (against === undefined || peer === undefined) return own;
  const peerMedian = median(peer);
  const meaningless = [times, peer].some((all) => quantile(all, 0.9) > MAX_SPREAD * quantile(all, 0.1));
  return {
    ...own,
    against,
    peerMedian: round(peerMedian),
    ratio: meaningless ? '?' : `${(median(times) / peerMedian).toFixed(2)}×`,
  };
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
