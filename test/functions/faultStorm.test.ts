import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { feedPages } from '../feedPages';
import { KEY as FUNCTION_KEY, type Stack, post, startStack } from '../stack';
import { runs } from '../testSize';

const KEY = Buffer.alloc(32, 11).toString('base64');
const DEVICES = 40;
const MESSAGES = runs(80, 20_000);
const VISITORS = 20;
const VISITOR_MESSAGES = runs(60, 20_000);
const BATCHES = [1, 1, 1, 2, 10, 50, 100];
const LIMIT_MS = 120_000 + MESSAGES * 10;
/** Of one message: the storm may strike it again and again, and goes on for as long as anybody sends. */
const MAX_ROUNDS = 1_000;

const FAULTS: (() => { kind: string } & Record<string, unknown>)[] = [
  () => ({ kind: 'resetBefore' }),
  () => ({ kind: 'resetAfter' }),
  () => ({ kind: 'throttle' }),
  () => ({ kind: 'serverError' }),
  () => ({ kind: 'unavailable' }),
  () => ({ kind: 'hang' }),
  () => ({ kind: 'quota' }),
  () => ({ kind: 'slow', delayMs: upTo(400) }),
];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    settings: {
      HUB_DEADLINE_SECONDS: '2',
      VISITOR_DEVICES: '16',
      VISITOR_KEY: Buffer.alloc(32, 12).toString('base64'),
    },
  });
});
afterAll(() => stack.close());

const upTo = (limit: number) => Math.floor(Math.random() * limit);
const pick = <T>(from: readonly T[]): T => from[upTo(from.length)] as T;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Sender {
  deviceId: string;
  deviceKey: string;
}

interface Tally {
  accepted: Set<string>;
  /** ids that were sent more than once */
  retried: Set<string>;
  answers: Record<string, number>;
}

/** Sends messages as a careful client does: what is to be sent again is sent again, under its id. */
async function sendUntilAccepted(sender: Sender, first: number, count: number, tally: Tally): Promise<void> {
  let waiting = Array.from({ length: count }, (_, n) => first + n);
  const idOf = (n: number): string => `${sender.deviceId}-${n}`;
  for (let round = 0; waiting.length > 0 && round < MAX_ROUNDS; round += 1) {
    if (round > 0) for (const n of waiting) tally.retried.add(idOf(n));
    const messages = waiting.map((n) => ({ deviceMessage: { n }, messageId: idOf(n) }));
    const sent = count === 1 ? messages[0] : { messages };
    const { status, json } = await stack.send({ ...sender, ...sent });
    const kind = status === 201 || status === 207 ? String(status) : `${status} ${json.code as string}`;
    tally.answers[kind] = (tally.answers[kind] ?? 0) + 1;
    const results = (json.results ?? []) as { messageId: string; status: string }[];
    for (const { messageId, status: verdict } of results) {
      if (verdict === 'accepted') tally.accepted.add(messageId);
    }
    waiting = waiting.filter((n) => !tally.accepted.has(idOf(n)));
    if (waiting.length > 0) await pause(10 + upTo(40));
  }
}

/** @param maxArmed faults that wait for a request @returns ends the storm */
function startStorm(struck: Record<string, number>, maxArmed: number): () => Promise<void> {
  const { admin } = stack.emulator;
  let storming = true;
  const storm = async (): Promise<void> => {
    for (let n = 1; storming; n += 1) {
      const fault = n % 60 === 0 ? { kind: 'restart', downMs: upTo(300) } : pick(FAULTS)();
      const isArmed = fault.kind !== 'restart';
      if (!isArmed || admin.faults().length < maxArmed) {
        admin.armFault(isArmed ? { target: 'telemetry', times: 1 + upTo(4), ...fault } : fault);
        struck[fault.kind] = (struck[fault.kind] ?? 0) + 1;
      }
      await pause(20);
    }
  };
  const raging = storm();
  return async () => {
    storming = false;
    await raging;
    admin.clearFaults();
  };
}

interface Stored {
  messageId: string;
  deviceId: string;
  body: { deviceId: string; Data: { n: number } };
}

async function readAll(after_offset: string): Promise<Stored[]> {
  const stored: Stored[] = [];
  for await (const { json } of feedPages(stack, { after_offset, limit: 10_000 }))
    stored.push(...(json.messages as Stored[]));
  return stored;
}

/** Each sender has one request at a time, so the order of its messages is that of their numbers. */
async function expectAllStored(
  senders: readonly Sender[],
  messages: number,
  maxArmed: number,
): Promise<void> {
  const { json } = await stack.feed({ after_offset: '@latest' });
  const tally: Tally = { accepted: new Set(), retried: new Set(), answers: {} };
  const struck: Record<string, number> = {};
  const worker = stack.host.workerPid();
  const endStorm = startStorm(struck, maxArmed);
  const share = messages / senders.length;
  await Promise.all(
    senders.map(async (sender) => {
      for (let first = 0; first < share;) {
        const count = Math.min(pick(BATCHES), share - first);
        await sendUntilAccepted(sender, first, count, tally);
        first += count;
      }
    }),
  );
  await endStorm();

  const stored = await readAll(json.next_offset as string);
  const copies = new Map<string, number>();
  const numbers = new Map<string, number[]>();
  for (const { messageId, deviceId, body } of stored) {
    expect([messageId, body.deviceId]).toEqual([`${deviceId}-${body.Data.n}`, deviceId]);
    if (!copies.has(messageId)) numbers.set(deviceId, [...(numbers.get(deviceId) ?? []), body.Data.n]);
    copies.set(messageId, (copies.get(messageId) ?? 0) + 1);
  }
  const lost = [...tally.accepted].filter((id) => !copies.has(id));
  const repeated = [...copies.values()].filter((count) => count > 1).length;
  console.log(
    `storm: ${messages} messages, ${tally.accepted.size} accepted, ${lost.length} lost, ` +
      `${tally.retried.size} sent again, ${repeated} stored more than once`,
    { answers: tally.answers, faults: struck },
  );
  expect(lost).toEqual([]);
  expect(tally.accepted.size).toBe(messages);
  expect([...copies.keys()].sort()).toEqual([...tally.accepted].sort());
  expect(tally.retried.size).toBeGreaterThan(0);
  for (const sender of senders)
    expect(numbers.get(sender.deviceId)).toEqual(Array.from({ length: share }, (_, n) => n));
  expect(Object.keys(tally.answers)).not.toContain('500 internal_error');
  expect(stack.host.workerPid()).toBe(worker);
}

test(
  'what was acknowledged is stored, whatever the hub does meanwhile',
  { timeout: LIMIT_MS, retry: 0 },
  async () => {
    const senders = Array.from({ length: DEVICES }, (_, n) => ({ deviceId: `storm-${n}`, deviceKey: KEY }));
    await Promise.all(senders.map(({ deviceId, deviceKey }) => stack.register(deviceId, deviceKey)));
    await expectAllStored(senders, MESSAGES, 3);
  },
);

test(
  'so it is of visitors, whose messages share batches',
  { tags: 'full', timeout: LIMIT_MS, retry: 0 },
  async () => {
    const proposal = (): object => ({ deviceKey: randomBytes(32).toString('base64') });
    const registered = await Promise.all(
      Array.from({ length: VISITORS }, () =>
        post(`${stack.host.url}/api/devices`, proposal(), { 'x-functions-key': FUNCTION_KEY }),
      ),
    );
    const senders = registered.map(({ json: { deviceInfo } }) => ({
      deviceId: deviceInfo.deviceId as string,
      deviceKey: deviceInfo.authentication.symmetricKey.primaryKey as string,
    }));
    // Sends that share batches make few requests: with more faults, hardly any would be without one.
    await expectAllStored(senders, VISITOR_MESSAGES, 1);
  },
);
