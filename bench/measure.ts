/** What a bench has measured of one subject, against a peer where there is one: a line of the table and of the JSON. */
export interface Result {
  what: string;
  unit: Unit;
  /** of the rounds */
  median: number;
  /** the 10th and the 90th percentile of the rounds */
  low: number;
  high: number;
  rounds: number;
  against?: string;
  /** the peer's median */
  peerMedian?: number;
  /** this median by the peer's; null where the rounds differ too much for it to mean anything */
  ratio?: number | null;
  /** the quartiles of the ratios of single rounds */
  ratioLow?: number;
  ratioHigh?: number;
}

export type Unit = 'ms' | 'MB' | 'KB' | 'µs' | 'a second' | 'round trips' | 'count' | '%';

/** When the 95 % confidence interval of the rounds' median ratio spans more than this factor, the median is chance. */
const MAX_RATIO_SPREAD = 1.5;

/**
 * Runs the rounds of each subject in turn, so that what else the machine does strikes all alike.
 *
 * @param warmRounds before the first that counts
 * @returns ms
 */
export async function inAlternation<Name extends string>(
  rounds: number,
  subjects: Record<Name, () => Promise<void>>,
  warmRounds = 1,
): Promise<Record<Name, number[]>> {
  const measuring = Object.fromEntries(
    Object.entries<() => Promise<void>>(subjects).map(([name, run]) => [name, timed(run)]),
  ) as Record<Name, () => Promise<number>>;
  return measuredInAlternation(rounds, measuring, warmRounds);
}

/** The same work, which says how long it took, in ms. */
export function timed(run: () => Promise<void>): () => Promise<number> {
  return async () => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
}

/** As {@link inAlternation}, of subjects that measure themselves. */
export async function measuredInAlternation<Name extends string, Measured>(
  rounds: number,
  subjects: Record<Name, () => Promise<Measured>>,
  warmRounds = 1,
): Promise<Record<Name, Measured[]>> {
  const names = Object.keys(subjects) as Name[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
    Name,
    Measured[]
  >;
  for (let round = 0; round < warmRounds; round += 1) {
    for (const name of names) await subjects[name]();
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) measured[name].push(await subjects[name]());
  }
  return measured;
}

/** A line from the rounds of one subject and, in the same order, those of its peer. */
export function result(
  what: string,
  values: readonly number[],
  against?: string,
  peer?: readonly number[],
  unit: Unit = 'ms',
): Result {
  const own: Result = {
    what,
    unit,
    median: rounded(median(values)),
    low: rounded(quantile(values, 0.1)),
    high: rounded(quantile(values, 0.9)),
    rounds: values.length,
  };
  if (against === undefined || peer === undefined) return own;
  const ratios = pairs(values, peer).map(([value, other]) => value / other);
  const [ratioLow, ratioHigh] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
  const [least, most] = medianBounds(ratios);
  const isChance = !(most <= MAX_RATIO_SPREAD * least);
  return {
    ...own,
    against,
    peerMedian: rounded(median(peer)),
    ratio: isChance ? null : rounded(median(values) / median(peer)),
    ratioLow: rounded(ratioLow),
    ratioHigh: rounded(ratioHigh),
  };
}

/** As a line of a table: a ratio with its quartiles, or `?` and why there is none. */
export function tableLine({ what, unit, median: middle, low, high, ...rest }: Result): object {
  const line = { what, median: `${middle} ${unit}`, 'p10 to p90': `${low} to ${high}` };
  const { against, peerMedian, ratio, ratioLow, ratioHigh } = rest;
  if (against === undefined) return line;
  const spread = `${ratioLow ?? ''} to ${ratioHigh ?? ''}`;
  return {
    ...line,
    against: `${against}: ${peerMedian ?? ''}`,
    ratio: ratio == null ? `? (rounds: ${spread})` : `${ratio}× (${spread})`,
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

/** Between these is the median of all such rounds, with 95 % confidence: the binomial of ranks, as a normal distribution. */
function medianBounds(values: readonly number[]): [least: number, most: number] {
  const away = 0.98 / Math.sqrt(values.length);
  return [quantile(values, Math.max(0, 0.5 - away)), quantile(values, Math.min(1, 0.5 + away))];
}

/** Round by round; where one has more rounds than the other, by rank. */
function pairs(values: readonly number[], peer: readonly number[]): [number, number][] {
  if (values.length === peer.length) return values.map((value, i) => [value, peer[i] ?? NaN]);
  const ranks = Math.min(values.length, peer.length);
  return Array.from({ length: ranks }, (_, i) => [
    quantile(values, (i + 0.5) / ranks),
    quantile(peer, (i + 0.5) / ranks),
  ]);
}

/** Three figures: more of them are noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
