import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Body, emptyGzip, longText, ordinaryBatch, rejectedBodies } from '../../bench/hostile/bodies';
import { type Stack, call, startStack } from '../stack';
import { runs } from '../testSize';

const INFLATED_BYTES = 2_000_000;
const PARALLEL = runs(8, 16);

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
  await stack.register('bench', Buffer.alloc(32, 1).toString('base64'));
});
afterAll(() => stack.close());

async function send({ bytes, gzip }: Body) {
  return call(`${stack.host.url}/api/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(gzip && { 'content-encoding': 'gzip' }) },
    body: bytes as NonNullable<RequestInit['body']>,
  });
}

/** The most that the app's process has held, in MB. */
function peakMb(): number {
  const status = readFileSync(`/proc/${stack.host.workerPid() ?? ''}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

test(
  'hostile bodies are rejected with a reason, and need no more memory than ordinary ones',
  { tags: 'full' },
  async () => {
    const together = (body: Body) => Promise.all(Array.from({ length: PARALLEL }, () => send(body)));
    for (const { status } of await together(ordinaryBatch(INFLATED_BYTES))) expect(status).toBe(201);
    const worker = stack.host.workerPid();
    const ordinaryMb = peakMb();
    const bodies = [longText(INFLATED_BYTES), ...rejectedBodies(INFLATED_BYTES), ...emptyGzip(1_000_000)];
    for (const body of bodies) {
      for (const { status, json } of await together(body)) {
        expect([body.name, status, json.code]).toEqual([
          body.name,
          expect.toBeOneOf([400, 413]),
          expect.stringMatching(/^(invalid_|message_too_large)/),
        ]);
      }
    }
    expect(stack.host.workerPid()).toBe(worker);
    expect(peakMb()).toBeLessThan(1.5 * ordinaryMb);
  },
);

test('gzip with many empty parts is rejected with this reason', async () => {
  const part = gzipSync('');
  const bytes = Buffer.concat([gzipSync('{}'), ...Array<Buffer>(5_000).fill(part)]);
  const { status, json } = await send({ name: 'a gzip of empty parts', bytes, gzip: true });
  expect([status, json.code]).toEqual([400, 'invalid_json']);
  expect(json.detail).toBe('The gzip body has too many empty parts.');
});

test('gzip bombs are rejected at the size limit', async () => {
  for (const inflatedBytes of [4_194_305, 50_000_000]) {
    const { status, json } = await send(longText(inflatedBytes));
    expect([status, json.code]).toEqual([413, 'body_too_large']);
  }
});
