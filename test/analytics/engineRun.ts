import { afterEach } from 'vitest';
import { type Engine, createEngine } from '../../analytics/engine';
import type { HubEvent } from '../../analytics/event';
import { DEFAULT_TIME_POLICY, type TimePolicy } from '../../analytics/timePolicy';
import { type Output, translate } from '../../analytics/query';

const MIDNIGHT_US = Date.UTC(2026, 0, 1) * 1_000;
export const at = (seconds: number): number => MIDNIGHT_US + Math.round(seconds * 1_000_000);
export const iso = (seconds: number): string => new Date(at(seconds) / 1_000).toISOString();

/** An event that arrives at a second of the day, with a time of its own in `t`. */
export const event = (arrival: number, own = arrival, fields: object = {}, partitionId = 0): HubEvent => ({
  body: JSON.stringify({ t: iso(own), ...fields }),
  enqueuedUs: at(arrival),
  partitionId,
});

export interface Run {
  engine: Engine;
  /** Events, with the name of their input in front where it is not `i`. @returns the values of the rows that came of it */
  process: (...events: (HubEvent | string)[]) => Promise<string[]>;
  advance: (seconds: number) => Promise<string[]>;
  /** how many rows wait for their window */
  kept: () => Promise<number>;
}

/** Returns a function that starts the engine of a query. After each test of the file, its engines are closed. */
export function useEngines(): (query: string, policy?: Partial<TimePolicy>) => Promise<Run> {
  let engines: Engine[] = [];
  afterEach(() => {
    for (const engine of engines) engine.close();
    engines = [];
  });
  return async (query, policy = {}) => {
    const plan = translate(query);
    const engine = await createEngine(plan, { ...DEFAULT_TIME_POLICY, ...policy });
    engines.push(engine);
    return runOf(plan, engine);
  };
}

function runOf(plan: ReturnType<typeof translate>, engine: Engine): Run {
  const collect = async (work: (onResult: (output: Output) => Promise<void>) => Promise<void>) => {
    const rows: string[] = [];
    await work(async ({ rowsSql }) => {
      for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
        rows.push(Object.values(JSON.parse(String(row)) as object).join(' '));
    });
    return rows;
  };
  return {
    engine,
    process: (...given) => {
      const [input = 'i'] = given.filter((one) => typeof one === 'string');
      const events = given.filter((one) => typeof one !== 'string');
      return collect((onResult) => engine.process(input, events, onResult));
    },
    advance: (seconds) => collect((onResult) => engine.advance(at(seconds), onResult)),
    kept: async () => {
      const [node] = plan.nodes;
      const table = node?.kind === 'temporal' ? (node.kept[0]?.table ?? '') : '';
      const count = await engine.connection.runAndReadAll(`SELECT count(*) FROM ${table}`);
      return Number(count.getRows()[0]?.[0]);
    },
  };
}

export const END = "DATEDIFF(second, '2026-01-01', System.Timestamp())";
export const TIME = "DATEDIFF(millisecond, '2026-01-01', System.Timestamp())";
