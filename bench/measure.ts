/** The result of a bench for one subject, compared with a peer if there is one: a row of the table and of the JSON. */
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
  /** this median divided by the peer's; null if the rounds differ too much */
  ratio?: number | null;
  /** the quartiles of the ratios of single rounds */
  ratioLow?: number;
  ratioHigh?: number;
}

export type Unit = 'ms' | 'MB' | 'KB' | 'µs' | 'a second' | 'round trips' | 'count' | '%';

/** If the 95% confidence interval of the median ratio spans more than this factor, the ratio is not meaningful. */
const MAX_RATIO_SPREAD = 1.5;

/**
 * Runs the rounds of all subjects in turn, so that other load on the machine affects all of them equally.
 *
 * @param warmRounds rounds before the first measured one
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

/** Wraps work so that it returns its duration in ms. */
export function timed(run: () => Promise<void>): () => Promise<number> {
  return async () => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
}

/** Like {@link inAlternation}, for subjects that measure themselves. */
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

/** Creates a result from the rounds of one subject and those of its peer, in the same order. */
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

/** Formats a result as a row: the ratio with its quartiles, or `?` and the reason why there is none. */
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

/** The median. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

/**
 * The ranks that enclose the true median with 95% confidence, from the binomial distribution of ranks, approximated
 * by a normal distribution.
 */
function medianBounds(values: readonly number[]): [least: number, most: number] {
  const away = 0.98 / Math.sqrt(values.length);
  return [quantile(values, Math.max(0, 0.5 - away)), quantile(values, Math.min(1, 0.5 + away))];
}

/** Ratios round by round or, if the numbers of rounds differ, by rank. */
function pairs(values: readonly number[], peer: readonly number[]): [number, number][] {
  if (values.length === peer.length) return values.map((value, i) => [value, peer[i] ?? NaN]);
  const ranks = Math.min(values.length, peer.length);
  return Array.from({ length: ranks }, (_, i) => [
    quantile(values, (i + 0.5) / ranks),
    quantile(peer, (i + 0.5) / ranks),
  ]);
}

/** Rounds to three significant digits, because further digits are noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
