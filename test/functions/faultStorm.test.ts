import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';
import { runs } from '../testSize';

const KEY = Buffer.alloc(32, 11).toString('base64');
const DEVICES = 40;
const SENDERS = 32;
const MESSAGES = runs(2_000, 20_000);
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
  stack = await startStack({ settings: { HUB_DEADLINE_SECONDS: '2' } });
  for (let n = 0; n < DEVICES; n += 1) await stack.register(`storm-${n}`, KEY);
});
afterAll(() => stack.close());

const upTo = (limit: number) => Math.floor(Math.random() * limit);
const pick = <T>(from: readonly T[]): T => from[upTo(from.length)] as T;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Tally {
  accepted: Set<string>;
  /** ids that were sent more than once */
  retried: Set<string>;
  answers: Record<string, number>;
}

/** Sends messages as a careful client does: what is to be sent again is sent again, under its id. */
async function sendUntilAccepted(first: number, count: number, tally: Tally): Promise<void> {
  const deviceId = `storm-${upTo(DEVICES)}`;
  let waiting = Array.from({ length: count }, (_, n) => `id-${first + n}`);
  for (let round = 0; waiting.length > 0 && round < MAX_ROUNDS; round += 1) {
    if (round > 0) for (const id of waiting) tally.retried.add(id);
    const messages = waiting.map((id) => ({ deviceMessage: { id }, messageId: id }));
    const sent = count === 1 ? messages[0] : { messages };
    const { status, json } = await stack.send({ deviceId, deviceKey: KEY, ...sent });
    const kind = status === 201 || status === 207 ? String(status) : `${status} ${json.code as string}`;
    tally.answers[kind] = (tally.answers[kind] ?? 0) + 1;
    const results = (json.results ?? []) as { messageId: string; status: string }[];
    for (const { messageId, status: verdict } of results) {
      if (verdict === 'accepted') tally.accepted.add(messageId);
    }
    waiting = waiting.filter((id) => !tally.accepted.has(id));
    if (waiting.length > 0) await pause(10 + upTo(40));
  }
}

test(
  'what was acknowledged is stored, whatever the hub does meanwhile',
  { timeout: LIMIT_MS, retry: 0 },
  async () => {
    const tally: Tally = { accepted: new Set(), retried: new Set(), answers: {} };
    const struck: Record<string, number> = {};
    const { admin } = stack.emulator;
    const worker = stack.host.workerPid();
    let storming = true;
    const storm = async (): Promise<void> => {
      for (let n = 1; storming; n += 1) {
        const fault = n % 60 === 0 ? { kind: 'restart', downMs: upTo(300) } : pick(FAULTS)();
        const isArmed = fault.kind !== 'restart';
        if (!isArmed || admin.faults().length < 3) {
          admin.armFault(isArmed ? { target: 'telemetry', times: 1 + upTo(4), ...fault } : fault);
          struck[fault.kind] = (struck[fault.kind] ?? 0) + 1;
        }
        await pause(20);
      }
    };
    let next = 0;
    const sender = async (): Promise<void> => {
      while (next < MESSAGES) {
        const count = Math.min(pick(BATCHES), MESSAGES - next);
        const first = next;
        next += count;
        await sendUntilAccepted(first, count, tally);
      }
    };
    const raging = storm();
    await Promise.all(Array.from({ length: SENDERS }, sender));
    storming = false;
    await raging;
    admin.clearFaults();

    const copies = new Map<string, number>();
    let cursor = '0';
    for (let more = true; more;) {
      const { json } = await stack.feed({ after_offset: cursor, limit: 10_000 });
      for (const { messageId } of json.messages as { messageId: string }[]) {
        copies.set(messageId, (copies.get(messageId) ?? 0) + 1);
      }
      cursor = json.next_offset;
      more = json.has_more;
    }
    const lost = [...tally.accepted].filter((id) => !copies.has(id));
    const repeated = [...copies.values()].filter((count) => count > 1).length;
    console.log(
      `storm: ${MESSAGES} messages, ${tally.accepted.size} accepted, ${lost.length} lost, ` +
        `${tally.retried.size} sent again, ${repeated} stored more than once`,
      { answers: tally.answers, faults: struck },
    );
    expect(lost).toEqual([]);
    expect(tally.accepted.size).toBe(MESSAGES);
    for (const id of tally.retried) expect(copies.get(id)).toBeGreaterThanOrEqual(1);
    expect(tally.retried.size).toBeGreaterThan(0);
    expect(Object.keys(tally.answers)).not.toContain('500 internal_error');
    expect(stack.host.workerPid()).toBe(worker);
  },
);
