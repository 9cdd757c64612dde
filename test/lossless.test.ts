import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type After, type IotHub, createFeedFormats, createIotHub, parseAfterOffset } from '../src/iothub';
import { Problem } from '../src/problems';
import { readSettings } from '../src/settings';
import { type Stack, startStack } from './stack';

/**
 * Random histories of a hub and of a reader that pulls its feed. Most go through the IoT Hub client itself, some
 * through the Functions host over HTTP; all through sockets, against the emulator. More with FEED_RUNS=100000.
 */
const CLIENT_RUNS = Number(process.env.FEED_RUNS ?? 2_000);
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
const fault = fc.oneof(
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
const send = fc.record({
  do: fc.constant('send' as const),
  partition,
  count: fc.integer({ min: 1, max: 40 }),
});
const step = fc.oneof(
  weighted(5, send),
  weighted(1, fc.record({ do: fc.constant('expire' as const), partition, keep: fc.nat({ max: 10 }) })),
  weighted(
    1,
    fc.record({ do: fc.constant('jump' as const), partition, by: fc.integer({ min: 1, max: 1_000_000 }) }),
  ),
  weighted(1, fc.record({ do: fc.constant('fault' as const), fault })),
  weighted(1, fc.record({ do: fc.constant('restart' as const) })),
  weighted(1, fc.record({ do: fc.constant('wait' as const), send: fc.option(send, { nil: undefined }) })),
  weighted(
    5,
    fc.record({ do: fc.constant('poll' as const), limit: fc.integer({ min: 1, max: 60 }), only: subset }),
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
      if (status >= 500) throw new Problem(json.code, text);
      expect([status, text.slice(0, 300)]).toEqual([200, expect.anything()]);
      return json as Answer;
    },
    restart: () => undefined,
    close: () => undefined,
  };
}

/** Plays one history, then reads to the end, and holds what the reader has against what the hub had. */
async function play(reader: Reader, { partitions, steps }: History) {
  const { admin } = stack.emulator;
  const idOf = (number: number): string => String(number % partitions);
  const seen = new Map<string, number[]>();
  const faulty = steps.some((one) => one.do === 'fault');
  let after = '0';

  const take = (answer: Answer, limit: number): boolean => {
    const begins = new Map(
      admin.state().partitions.map((state) => [state.partitionId, state.beginSequenceNumber]),
    );
    const news = new Map<string, number[]>();
    const of = (id: string): number[] => news.get(id) ?? news.set(id, []).get(id) ?? [];
    expect(answer.reset).toBeUndefined();
    expect(answer.messages.length).toBeLessThanOrEqual(limit);
    for (const { partitionId, sequenceNumber, body } of answer.messages) {
      expect(body).toMatchObject({ n: sequenceNumber });
      expect(sequenceNumber).toBeGreaterThan(of(partitionId).at(-1) ?? -1); // in order
      of(partitionId).push(sequenceNumber);
    }
    for (const { partitionId, from, to } of answer.gaps) {
      expect(to).toBeLessThan(begins.get(partitionId) ?? 0); // gone indeed
      for (let number = from; number <= to; number += 1) of(partitionId).push(number);
    }
    for (const [id, numbers] of news)
      seen.set(id, [...(seen.get(id) ?? []), ...numbers.sort((a, b) => a - b)]);
    after = answer.next_offset;
    return answer.has_more;
  };
  /** A fault may cost a poll, or two, and never a message. */
  const poll = async (query: Omit<Query, 'after'>, mayFail = 2): Promise<boolean> => {
    const answer = await reader.poll({ after, ...query }).catch((error: unknown) => {
      if (!(error instanceof Problem && error.status >= 500 && mayFail > 0 && faulty)) throw error;
    });
    return answer ? take(answer, query.limit) : poll(query, mayFail - 1);
  };

  admin.clearFaults();
  admin.recreateHub({ partitions });
  // From one message each, so that what retention takes before the first read counts as a gap too.
  admin.seed({ count: partitions });
  while (await poll({ limit: 100 }));
  for (const one of steps) {
    if (one.do === 'send') admin.seed({ count: one.count, partitionId: idOf(one.partition) });
    else if (one.do === 'expire') admin.expire({ partitionId: idOf(one.partition), keep: one.keep });
    else if (one.do === 'jump') admin.jumpOffset({ partitionId: idOf(one.partition), by: one.by });
    else if (one.do === 'fault') admin.armFault({ target: 'eventHub', ...one.fault });
    else if (one.do === 'restart') reader.restart();
    else if (one.do === 'wait') {
      const waiting = poll({ limit: 1_000, waitSeconds: one.send ? 1 : 0.01 });
      if (one.send) admin.seed({ count: one.send.count, partitionId: idOf(one.send.partition) });
      await waiting;
    } else await poll({ limit: one.limit, only: one.only && [...new Set(one.only.map(idOf))] });
  }
  admin.clearFaults();
  while (await poll({ limit: 37 }));
  for (const { partitionId, lastSequenceNumber } of admin.state().partitions) {
    const all = Array.from({ length: lastSequenceNumber + 1 }, (_, number) => number);
    expect(seen.get(partitionId), `partition ${partitionId}`).toEqual(all);
  }
}

test.each([
  ['the IoT Hub client', clientReader, CLIENT_RUNS],
  ['HTTP', httpReader, HTTP_RUNS],
])(
  'whatever happens, a reader through %s has each message once and in order, or its gap, and then no more',
  async (_, open, numRuns) => {
    const reader = open();
    try {
      await fc.assert(
        fc.asyncProperty(history, (one) => play(reader, one)),
        { numRuns },
      );
    } finally {
      reader.close();
    }
  },
  TIME_LIMIT_MS,
);
