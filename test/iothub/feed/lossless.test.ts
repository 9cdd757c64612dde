import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type After,
  type IotHub,
  createFeedFormats,
  createIotHub,
  parseAfterOffset,
} from '../../../src/iothub';
import { Problem } from '../../../src/problems';
import { readSettings } from '../../../src/settings';
import { type Stack, startStack } from '../../stack';
import { runs } from '../../testSize';

/**
 * Random histories of a hub and of a reader that pulls its feed. Most go through the IoT Hub client itself, some
 * through the Functions host over HTTP; all through sockets, against the emulator.
 */
const CLIENT_RUNS = runs(150, 2_000);
const HTTP_RUNS = Math.ceil(CLIENT_RUNS / 10);
const TIME_LIMIT_MS = 600_000 + CLIENT_RUNS * 200;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ partitions: 4 });
});
afterAll(() => stack.close());

const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
/** Taken modulo how many partitions there are. */
const partition = fc.nat({ max: 31 });
const subset = fc.option(fc.uniqueArray(partition, { minLength: 1, maxLength: 8 }), { nil: undefined });
const faultToArm = fc.oneof(
  fc.record({ kind: fc.constantFrom('closeConnections', 'resetConnections', 'detachLinks') }),
  fc.record({ kind: fc.constant('serverBusy'), times: fc.constant(1) }),
  fc.record({
    kind: fc.constant('attachError'),
    times: fc.integer({ min: 1, max: 3 }),
    condition: fc.constantFrom(
      'amqp:internal-error',
      'amqp:link:stolen',
      'amqp:resource-limit-exceeded',
      'com.microsoft:server-busy',
    ),
  }),
);
const fault = fc.record({ do: fc.constant('fault' as const), fault: faultToArm });
const expire = fc.record({ do: fc.constant('expire' as const), partition, keep: fc.nat({ max: 10 }) });
const send = fc.record({
  do: fc.constant('send' as const),
  partition,
  count: fc.integer({ min: 1, max: 40 }),
});
const step = fc.oneof(
  weighted(5, send),
  weighted(1, expire),
  weighted(
    1,
    fc.record({ do: fc.constant('jump' as const), partition, by: fc.integer({ min: 1, max: 1_000_000 }) }),
  ),
  weighted(1, fault),
  weighted(1, fc.record({ do: fc.constant('restart' as const) })),
  weighted(
    1,
    fc.record({
      do: fc.constant('recreate' as const),
      partitions: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat({ max: 60 }),
    }),
  ),
  weighted(1, fc.record({ do: fc.constant('wait' as const), send: fc.option(send, { nil: undefined }) })),
  weighted(
    5,
    fc.record({
      do: fc.constant('poll' as const),
      limit: fc.integer({ min: 1, max: 60 }),
      only: subset,
      /** what happens while the poll is under way, after so many turns of the event loop */
      meanwhile: fc.oneof(
        weighted(4, fc.constant(undefined)),
        weighted(1, fc.record({ turns: fc.nat({ max: 60 }), what: fc.oneof(expire, fault) })),
      ),
    }),
  ),
);
const history = fc.record({
  partitions: fc.oneof(
    weighted(12, fc.integer({ min: 1, max: 5 })),
    weighted(1, fc.integer({ min: 6, max: 32 })),
  ),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
});

type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

interface Query {
  after: string;
  limit: number;
  only?: string[] | undefined;
  waitSeconds?: number;
}
interface Answer {
  messages: { partitionId: string; sequenceNumber: number; body: unknown }[];
  next_offset: string;
  has_more: boolean;
  gaps: { partitionId: string; from: number; to: number }[];
  incomplete: { partitionId: string; code: string }[];
  reset?: true;
}
interface Reader {
  poll: (query: Query) => Promise<Answer>;
  /** as when the app is deployed anew */
  restart: () => void;
  close: () => void;
}

/** The client of the built app's own source, in this process. */
function clientReader(): Reader {
  const settings = readSettings(stack.settings);
  const [format] = createFeedFormats(settings.hubHostName);
  let hub: IotHub = createIotHub(settings);
  return {
    poll: async ({ after, limit, only, waitSeconds = 0 }) => {
      const place: After = parseAfterOffset(after);
      const query = { after: place, limit, waitSeconds, partitions: only, encode: format.encode };
      return JSON.parse(format.write(await hub.feed.poll(query)).toString()) as Answer;
    },
    restart: () => {
      hub.close();
      hub = createIotHub(settings);
    },
    close: () => {
      hub.close();
    },
  };
}

function httpReader(): Reader {
  return {
    poll: async ({ after, limit, only, waitSeconds = 0 }) => {
      const { status, text, json } = await stack.feed({
        after_offset: after,
        limit,
        ...(only && { partitions: only.join(',') }),
        ...(waitSeconds > 0 && { wait: Math.ceil(waitSeconds) }),
      });
      if (status >= 429) throw new Problem(json.code, text);
      expect([status, text.slice(0, 300)]).toEqual([200, expect.anything()]);
      return json as Answer;
    },
    restart: () => undefined,
    close: () => undefined,
  };
}

/** The hub is busy for longer than a poll tries again: rare among random ones. */
const busyForLong: History = {
  partitions: 1,
  steps: [
    ...Array.from({ length: 3 }, () => ({
      do: 'fault' as const,
      fault: { kind: 'serverBusy' as const, times: 1 as const },
    })),
    { do: 'poll', limit: 1, only: undefined, meanwhile: undefined },
  ],
};

/** What the hub holds of each partition at one moment. */
interface Held {
  begin: number;
  end: number;
}

/**
 * Plays one history, then reads to the end. Each answer is held against the hub: what it gives of a partition, messages
 * and gaps, goes on exactly where the answer before it ended.
 */
async function play(reader: Reader, { partitions: atFirst, steps }: History) {
  const { admin } = stack.emulator;
  let partitions = atFirst;
  const idOf = (number: number): string => String(number % partitions);
  const faulty = steps.some(
    (one) => one.do === 'fault' || (one.do === 'poll' && one.meanwhile?.what.do === 'fault'),
  );
  /** the next sequence number of each partition that polls were for */
  const next = new Map<string, number>();
  let after = '0';
  let recreated = false;

  const holds = (): Map<string, Held> =>
    new Map(
      admin
        .state()
        .partitions.map(({ partitionId, beginSequenceNumber: begin, lastSequenceNumber }) => [
          partitionId,
          { begin, end: lastSequenceNumber + 1 },
        ]),
    );

  const take = (
    answer: Answer,
    query: Omit<Query, 'after'>,
    before: Map<string, Held>,
    calm: boolean,
  ): void => {
    expect(answer.reset).toBe(recreated && after !== '0' ? true : undefined);
    if (recreated) next.clear();
    recreated = false;
    after = answer.next_offset;
    const now = holds();
    const inScope = [...before.keys()].filter((id) => query.only?.includes(id) ?? true);
    for (const id of inScope) if (!next.has(id)) next.set(id, before.get(id)?.begin ?? 0);
    let left = 0;
    for (const id of inScope)
      left += Math.max(
        0,
        (before.get(id)?.end ?? 0) - Math.max(next.get(id) ?? 0, before.get(id)?.begin ?? 0),
      );

    const given = new Map<string, number[]>();
    const of = (id: string): number[] => given.get(id) ?? given.set(id, []).get(id) ?? [];
    for (const { partitionId, sequenceNumber, body } of answer.messages) {
      expect(body).toMatchObject({ n: sequenceNumber });
      expect(sequenceNumber).toBeGreaterThan(of(partitionId).at(-1) ?? -1); // in order
      of(partitionId).push(sequenceNumber);
    }
    for (const { partitionId, from, to } of answer.gaps) {
      expect(to).toBeLessThan(now.get(partitionId)?.begin ?? 0); // gone indeed
      for (let number = from; number <= to; number += 1) of(partitionId).push(number);
    }
    for (const [id, numbers] of given) {
      const from = next.get(id) ?? -1;
      expect(
        numbers.sort((a, b) => a - b),
        `partition ${id}`,
      ).toEqual(numbers.map((_, i) => from + i));
      expect(inScope).toContain(id);
      next.set(id, from + numbers.length);
    }
    const behind = inScope.some((id) => (next.get(id) ?? 0) < (before.get(id)?.end ?? 0));
    expect(answer.messages.length).toBeLessThanOrEqual(query.limit);
    if (behind) expect(answer.has_more).toBe(true);
    if (!calm) return;
    expect(answer.messages).toHaveLength(Math.min(query.limit, left));
    expect([answer.has_more, answer.incomplete]).toEqual([behind, []]);
  };
  /** A fault may cost a poll, or two, and never a message. */
  const poll = async (
    query: Omit<Query, 'after'>,
    {
      meanwhile,
      mayFail = 2,
    }: { meanwhile?: (() => Promise<void> | void) | undefined; mayFail?: number } = {},
  ): Promise<boolean> => {
    const before = holds();
    const polling = reader.poll({ after, ...query }).catch((error: unknown) => {
      if (!(error instanceof Problem && error.status >= 429 && mayFail > 0 && faulty)) throw error;
    });
    await meanwhile?.();
    const answer = await polling;
    if (!answer) return poll(query, { mayFail: mayFail - 1 });
    take(answer, query, before, !faulty && !meanwhile);
    return answer.has_more;
  };

  admin.clearFaults();
  admin.recreateHub({ partitions });
  for (const one of steps) {
    if (one.do === 'send') admin.seed({ count: one.count, partitionId: idOf(one.partition) });
    else if (one.do === 'expire') admin.expire({ partitionId: idOf(one.partition), keep: one.keep });
    else if (one.do === 'jump') admin.jumpOffset({ partitionId: idOf(one.partition), by: one.by });
    else if (one.do === 'fault') admin.armFault({ target: 'eventHub', ...one.fault });
    else if (one.do === 'restart') reader.restart();
    else if (one.do === 'recreate') {
      partitions = one.partitions;
      admin.recreateHub({ partitions });
      if (one.seed > 0) admin.seed({ count: one.seed });
      recreated = true;
    } else if (one.do === 'wait') {
      const { send } = one;
      await poll(
        { limit: 1_000, waitSeconds: send ? 1 : 0.01 },
        {
          meanwhile: () => {
            if (send) admin.seed({ count: send.count, partitionId: idOf(send.partition) });
          },
        },
      );
    } else {
      const { limit, only, meanwhile } = one;
      // Where the reader stands must be known before retention passes it.
      const happens =
        meanwhile && (meanwhile.what.do === 'fault' || (next.size === partitions && !recreated));
      await poll(
        { limit, only: only && [...new Set(only.map(idOf))] },
        {
          meanwhile: happens
            ? async () => {
                const { turns, what } = meanwhile;
                for (let turn = 0; turn < turns; turn += 1) await setImmediate();
                if (what.do === 'fault') admin.armFault({ target: 'eventHub', ...what.fault });
                else admin.expire({ partitionId: idOf(what.partition), keep: what.keep });
              }
            : undefined,
        },
      );
    }
  }
  admin.clearFaults();
  while (await poll({ limit: 37 }));
  for (const [id, { end }] of holds()) expect(next.get(id), `partition ${id}`).toBe(end);
}

test.each([
  ['the IoT Hub client', clientReader, CLIENT_RUNS],
  ['HTTP', httpReader, HTTP_RUNS],
])(
  'whatever happens, a reader through %s has each message once and in order, or its gap, and then no more',
  { timeout: TIME_LIMIT_MS, retry: 0 },
  async (_, open, numRuns) => {
    const reader = open();
    try {
      await fc.assert(
        fc.asyncProperty(history, (one) => play(reader, one)),
        { numRuns, examples: [[busyForLong]] },
      );
    } finally {
      reader.close();
    }
  },
);
