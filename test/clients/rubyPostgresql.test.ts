// @module-tag full

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSasToken } from '../../clients/phone/hubfrontPhone';
import { type Stack, startStack } from '../stack';
import { type Postgresql, findPostgresql, startPostgresql } from './postgresql';
import { findProgram } from './programs';
import { type Workers, createWorkers } from './rubyWorker';

const ruby = findProgram('ruby', 'ruby');
const pg = findProgram('ruby', 'ruby ruby-pg', ['-rpg', '-e', '']);
const postgresql = findPostgresql() ?? findProgram('/usr/lib/postgresql', 'postgresql', ['']);

let stack: Stack;
let workers: Workers;

beforeAll(async () => {
  stack = await startStack();
  workers = createWorkers(stack);
});
afterAll(async () => {
  workers.close();
  await stack.close();
});

describe.skipIf(!ruby || !pg || !postgresql)('the Ruby worker with PostgreSQL', () => {
  let database: Postgresql;
  beforeAll(async () => {
    database = await startPostgresql(postgresql ?? '');
  });
  afterAll(() => database.close());

  const start = () => workers.start('postgresql_worker.rb', [], { DATABASE_URL: database.url });
  const count = async () =>
    Number((await database.query('SELECT count(*) FROM messages').catch(() => ['0']))[0]);

  test(
    'killed repeatedly while the feed restarts: stores every message exactly once',
    { timeout: 300_000, retry: 0 },
    async () => {
      const last = await workers.torment(start, count);
      last.child.kill('SIGTERM');
      expect(await last.exit, last.output()).toBe(0);
      const rows = await database.query(`SELECT partition_id || ':' || sequence_number FROM messages`);
      expect(rows.sort()).toEqual(workers.stored().sort());
      expect(await database.query(`SELECT message->'body'->>'n' FROM messages LIMIT 1`)).toHaveLength(1);
    },
  );

  test(
    'two workers with the same name: the second is rolled back, and every message is stored once',
    { tags: 'full' },
    async () => {
      const before = await count();
      const pair = [start(), start()];
      stack.emulator.admin.seed({ count: 2_000, deviceId: 'shop' });
      await expect.poll(count).toBe(before + 2_000);
      for (const { child } of pair) child.kill('SIGTERM');
      for (const { exit, output } of pair)
        if ((await exit) !== 0) expect(output()).toContain('another worker uses the cursor');
      expect(
        await database.query('SELECT DISTINCT count(*) FROM messages GROUP BY partition_id, sequence_number'),
      ).toEqual(['1']);
    },
  );

  test('keeps the table readable for all messages, and each line unchanged', { tags: 'full' }, async () => {
    stack.emulator.admin.recreateHub();
    await stack.register('d', Buffer.alloc(32, 1).toString('base64'));
    const bodies = [...HOSTILE_BODIES, ...fc.sample(hostileJson, { numRuns: 60, seed: 1 })];
    for (const body of bodies) await sendToHub(body);
    await database.query('DROP TABLE IF EXISTS messages');
    const worker = start();
    await expect.poll(count, { timeout: 50_000, message: worker.output() }).toBe(bodies.length);
    worker.child.kill('SIGTERM');
    expect(await worker.exit, worker.output()).toBe(0);

    for (const query of [
      `SELECT message->'body'->'Data'->>'event' FROM messages`,
      `SELECT message::jsonb->'body' FROM messages`,
      `SELECT jsonb_pretty(message) FROM messages`,
      `SELECT * FROM messages ORDER BY message->'body'`,
    ]) {
      expect((await database.query(`SELECT count(q::text) FROM (${query}) q`))[0], query).toBe(
        String(bodies.length),
      );
    }
    expect(await database.query(`SELECT DISTINCT jsonb_typeof(message) FROM messages`)).toEqual(['object']);
    expect(
      await database.query(`SELECT message->'body'->'Data'->>'event' FROM messages WHERE id = 1`),
    ).toEqual(['a\uFFFDb']);
    expect(Number((await database.query('SELECT max(length(message::text)) FROM messages'))[0])).toBeLessThan(
      5_000_000,
    );
    const { text } = await stack.feedAt('?limit=10000', { accept: 'application/x-ndjson' });
    expect(await database.query('SELECT line FROM messages ORDER BY id')).toEqual(
      text.split('\n').slice(0, -2),
    );
  });

  test('repairs a table whose messages were text', { tags: 'full' }, async () => {
    const line = (n: number, body: string) =>
      `{"partitionId":"0","offset":"${n}","sequenceNumber":${n},"enqueuedTimeUtc":"2026-01-02T03:04:05Z"` +
      `,"deviceId":"d","properties":{},"body":${body}}`;
    const lines = ['{"n":1}', '{"t":"\\u0000"}'].map((body, n) => line(n, body));
    await database.query('DROP TABLE IF EXISTS messages');
    await database.query(`CREATE TABLE messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      partition_id text NOT NULL, sequence_number bigint NOT NULL, enqueued_at timestamptz NOT NULL,
      device_id text, message text NOT NULL)`);
    for (const [n, text] of lines.entries())
      await database.query(`INSERT INTO messages (partition_id, sequence_number, enqueued_at, device_id, message)
        VALUES ('0', ${n}, now(), 'd', '${text}')`);
    const worker = start();
    const bodies = async () =>
      (
        await database
          .query(`SELECT message->>'body' FROM messages WHERE partition_id = '0' ORDER BY id LIMIT 2`)
          .catch(() => [])
      ).join();
    await expect.poll(bodies).toBe('{"n": 1},{"t": "\uFFFD"}');
    expect(await database.query('SELECT line FROM messages ORDER BY id LIMIT 2')).toEqual(lines);
    // It listens for signals before it reads.
    stack.emulator.admin.seed({ count: 20 });
    await expect.poll(count).toBeGreaterThan(2);
    worker.child.kill('SIGTERM');
    expect(await worker.exit, worker.output()).toBe(0);
  });

  test.each([
    ['', 'DATABASE_URL is not set'],
    ['postgresql://shop:sesame@open@127.0.0.1:1/shop', 'DATABASE_URL is malformed'],
    ['postgresql://shop:sesame/open@127.0.0.1:1/shop', 'DATABASE_URL is malformed'],
    ['postgresql//shop:sesame@127.0.0.1:1/shop', 'DATABASE_URL is malformed'],
    ['host=127.0.0.1 port=1 password=sesame open', 'DATABASE_URL is malformed'],
    ['postgresql://shop:sesame%40open@127.0.0.1:1/shop', 'no connection to the database of DATABASE_URL'],
  ])('ends with one line for the database %j, without its password', async (url, line) => {
    const { exit, output } = workers.start('postgresql_worker.rb', [], { DATABASE_URL: url });
    expect(await exit).toBe(1);
    expect(output()).toMatch(/^postgresql_worker\.rb: [^\n]+\n$/);
    expect(output()).toContain(line);
    expect(output()).not.toMatch(/sesame|open/);
  });

  test('ends with one line when its cursor is damaged', { tags: 'full' }, async () => {
    await database.query(`INSERT INTO feed_cursors VALUES ('damaged', '')`);
    const { exit, output } = workers.start('postgresql_worker.rb', [], {
      DATABASE_URL: database.url,
      WORKER_NAME: 'damaged',
    });
    expect(await exit).toBe(1);
    expect(output()).toMatch(
      /^postgresql_worker\.rb: the cursor damaged in the table feed_cursors is empty[^\n]*\n$/,
    );
  });
});

/** Bodies that JSON allows and PostgreSQL's jsonb, Ruby's parser or a reader's memory does not. */
const NUL = '\\u0000';
const HOSTILE_BODIES = [
  `{"deviceId":"d","Data":{"event":"a${NUL}b"}}`,
  `{"${NUL}":{"${NUL}":[["${NUL}"]]},"Data":"\\ud800"}`,
  `{"Data":[1e400,-1e400,1e-400,1e131071,1e131072,1e-20000,${'9'.repeat(200)},0.${'3'.repeat(20_000)}]}`,
  `{"Data":[${Array(20_000).fill('1e131071').join(',')}]}`,
  `{"Data":[${Array(20_000).fill('1e-16383').join(',')}]}`,
  `${'['.repeat(60_000)}${']'.repeat(60_000)}`,
  `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  `${'['.repeat(95)}${']'.repeat(95)}`,
  `{"${'k'.repeat(200_000)}":1,"a":1,"a":2}`,
  `["${NUL.repeat(30_000)}"]`,
  '"just a text"',
  `not JSON ${NUL}`,
  '\u0000\u0001',
];

/** Random JSON whose texts and numbers are of the kinds that readers differ on. */
const hostileText = fc
  .array(
    fc.constantFrom(
      '\\u0000',
      '\\ud800',
      '\\uDC00',
      '\\ud83d\\ude00',
      '\\\\',
      '\\"',
      'u0000',
      'a',
      'é',
      '\\u001f',
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join('')}"`);
const hostileJson = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    hostileText,
    fc.constantFrom('1e400', '-0', '1e99999', '1E-99999', '7'.repeat(200), `0.${'1'.repeat(1_500)}`, 'null'),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(',')}]`),
    fc
      .array(fc.tuple(hostileText, tie('value')), { maxLength: 4 })
      .map((members) => `{${members.map((pair) => pair.join(':')).join(',')}}`),
  ),
})).value;

/** Sends a body straight to the hub, as a phone does: the app would check it. */
async function sendToHub(body: string): Promise<void> {
  const { emulator } = stack;
  const device = {
    hostName: emulator.hostName,
    deviceId: 'd',
    deviceKey: Buffer.alloc(32, 1).toString('base64'),
  };
  const token = await createSasToken(device, Math.floor(Date.now() / 1000) + 3_600);
  const response = await fetch(`${emulator.endpoint}/devices/d/messages/events?api-version=2021-04-12`, {
    method: 'POST',
    headers: {
      authorization: token,
      'iothub-contenttype': 'application/json',
      'iothub-contentencoding': 'utf-8',
    },
    body,
    dispatcher: new Agent({ connect: { ca: readFileSync(emulator.caFile) } }),
  });
  expect(response.status, body.slice(0, 50)).toBe(204);
}
