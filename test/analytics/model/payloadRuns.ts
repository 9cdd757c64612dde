/** Runs queries over events of any content, on a file and in the engine. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEngine } from '../../../analytics/engine';
import { runFiles } from '../../../analytics/fileRun';
import { FormatError } from '../../../analytics/inputFile';
import { type Output, QueryError, translate } from '../../../analytics/query';
import { DEFAULT_TIME_POLICY } from '../../../analytics/timePolicy';
import { inFolder } from './runs';

/** The reference data `r`. */
const REFERENCE = ['{"a":1,"b":2}', '{"a":"x","b":null}', '{"a":"x","b":"[z-a]"}', '{}'].join('\n');

/** What a job did: its rows, sorted, or that an event has stopped it. */
export type Outcome = string[] | 'stopped';

/** @throws an error that is not about a value of an event */
async function outcome(work: () => Promise<string[]>): Promise<Outcome> {
  try {
    return (await work()).sort();
  } catch (error) {
    // With a cause, it is a fault of the translation.
    if (error instanceof QueryError && error.cause === undefined) return 'stopped';
    throw error;
  }
}

/** @param batches payloads of each batch, as JSON */
export const payloadsInEngine = (sql: string, batches: readonly (readonly string[])[]): Promise<Outcome> =>
  outcome(() =>
    inFolder(async (folder) => {
      const plan = translate(sql);
      const engine = await createEngine(plan, DEFAULT_TIME_POLICY);
      const rows: string[] = [];
      const read = async ({ rowsSql }: Output): Promise<void> => {
        for (const [row] of (await engine.connection.runAndReadAll(rowsSql)).getRows())
          rows.push(String(row));
      };
      try {
        await writeFile(join(folder, 'r.ndjson'), REFERENCE);
        for (const name of engine.references.names)
          await engine.references.load(name, join(folder, 'r.ndjson'), 0);
        for (const batch of batches)
          await engine.process(
            'i',
            batch.map((body) => ({ body, enqueuedUs: undefined })),
            read,
          );
        await engine.advance(Infinity, read);
        return rows;
      } finally {
        engine.close();
      }
    }),
  );

export const payloadsInFile = (sql: string, payloads: readonly string[]): Promise<Outcome> =>
  outcome(() =>
    inFolder(async (folder) => {
      const plan = translate(sql);
      const [input, reference] = [join(folder, 'i.ndjson'), join(folder, 'r.ndjson')];
      const outputs = new Map(plan.outputs.map(({ table, name }) => [table, join(folder, `rows.${name}`)]));
      await writeFile(input, payloads.map((one) => `${one}\n`).join(''));
      await writeFile(reference, REFERENCE);
      await runFiles({
        ...{ plan, policy: DEFAULT_TIME_POLICY },
        inputs: new Map([['i', [input]]]),
        references: new Map(plan.references.length > 0 ? [['r', [reference]]] : []),
        outputs,
      }).catch((error: unknown) => {
        // None of the events fits CREATE TABLE. The engine drops them.
        if (!(error instanceof FormatError)) throw error;
      });
      const rows: string[] = [];
      for (const file of new Set(outputs.values()))
        rows.push(...(await readFile(file, 'utf8').catch(() => '')).split('\n').filter((row) => row !== ''));
      return rows;
    }),
  );

const VALUES = [
  ...['1', '2', '-1', '0', '2.5', '1e300', '-1e300', '9223372036854775807', '-9223372036854775808', '-0.0'],
  ...[
    'null',
    'true',
    'false',
    '""',
    '"x"',
    '"3"',
    '" 2 "',
    '"[z-a]"',
    '"("',
    '"a%_b"',
    '"\\ud83d"',
    '"\\u0000"',
  ],
  ...['"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', '"2026-01-01T00:00:01"', '"2026-02-30"'],
  ...['[]', '[1,"x",null]', '[[1],{"d":2}]', '{}', '{"d":[1,"x"]}', '{"d":{"e":null},"ArrayValue":1}'],
  ...[
    '{"type":"Point","coordinates":[1,2]}',
    '{"type":"Point","coordinates":[1e308,"x"]}',
    `"${'_'.repeat(3_000)}"`,
  ],
];

/** Payloads with any values; one in ten has no time. */
export function payloadsOf(whole: (from: number, to: number) => number, count: number): string[] {
  const value = (): string => VALUES[whole(0, VALUES.length - 1)] ?? 'null';
  return Array.from({ length: count }, (_, i) => {
    const fields = ['a', 'b', 'c', 'l'].flatMap((name) =>
      whole(0, 9) === 0 ? [] : [`"${name}":${value()}`],
    );
    const time = whole(0, 9) === 0 ? [] : [`"t":"2026-01-01T00:00:${String(i >> 1).padStart(2, '0')}Z"`];
    return `{${[...fields, ...time].join(',')}}`;
  });
}
