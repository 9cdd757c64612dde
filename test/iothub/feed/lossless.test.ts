import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Problem } from '../../../src/errorCodes';
import {
  type FeedClient,
  type FeedPage,
  type FeedReading,
  describeFeedReadings,
  openFeedClient,
} from '../../feedClient';
import { type FeedEndpoint, emulatorAdmin } from '../../feedEndpoints';
import { startStack } from '../../stack';
import { runs } from '../../testSize';
import { type History, busyForLong, emptied, history } from './history';

/**
 * Random histories of a hub and of a reader that pulls its feed, by each reader from each endpoint, and through the
 * Functions host over HTTP; all through sockets.
 */
const RUNS = runs(30, 2_000);
/** Microsoft's library answers commands from another process: its histories take longer. */
const LIBRARY_RUNS = Math.ceil(RUNS / 2);
const SDK_RUNS = Math.ceil(RUNS / 8);
const HTTP_RUNS = Math.ceil(RUNS / 5);
const TIME_LIMIT_MS = 600_000 + RUNS * 200;

interface Query {
  after: string;
  limit: number;
  only?: string[] | undefined;
  waitSeconds?: number;
}
interface Reader {
  poll: (query: Query) => Promise<FeedPage>;
  /** as when the app is deployed anew */
  restart: () => void;
  close: () => void;
}

/** The client of the built app's own source, in this process. */
function clientReader(settings: Readonly<Record<string, string>>, reader: FeedReading['reader']): Reader {
  let feed: FeedClient = openFeedClient(settings, reader);
  return {
    poll: ({ after, limit, only, waitSeconds = 0 }) =>
      feed.poll(after, { limit, waitSeconds, partitions: only }),
    restart: () => {
      feed.close();
      feed = openFeedClient(settings, reader);
    },
    close: () => {
      feed.close();
    },
  };
}

/** What the hub holds of each partition at one moment. */
interface Held {
  begin: number;
  end: number;
}

/**
 * Plays one history, then reads to the end. Each answer is held against the hub: what it gives of a partition, messages
 * and gaps, goes on exactly where the answer before it ended.
 */
async function play(reader: Reader, admin: FeedEndpoint['admin'], { partitions: atFirst, steps }: History) {
  let partitions = atFirst;
  const idOf = (number: number): string => String(number % partitions);
  const faulty = steps.some(
    (one) => one.do === 'fault' || (one.do === 'poll' && one.meanwhile?.what.do === 'fault'),
  );
  /** the next sequence number of each partition that polls were for */
  const next = new Map<string, number>();
  let after = '0';
  let recreated = false;

  const holds = async (): Promise<Map<string, Held>> =>
    new Map(
      (await admin.state()).partitions.map(
        ({ partitionId, beginSequenceNumber: begin, lastSequenceNumber }) => [
          partitionId,
          { begin, end: lastSequenceNumber + 1 },
        ],
      ),
    );

  const take = (
    answer: FeedPage,
    query: Omit<Query, 'after'>,
    before: Map<string, Held>,
    now: Map<string, Held>,
    calm: boolean,
  ): void => {
    expect(answer.reset).toBe(recreated && after !== '0' ? true : undefined);
    if (recreated) next.clear();
    recreated = false;
    after = answer.next_offset;
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
    const before = await holds();
    const polling = reader.poll({ after, ...query }).catch((error: unknown) => {
      if (!(error instanceof Problem && error.status >= 429 && mayFail > 0 && faulty)) throw error;
    });
    await meanwhile?.();
    const answer = await polling;
    if (!answer) return poll(query, { mayFail: mayFail - 1 });
    take(answer, query, before, await holds(), !faulty && !meanwhile);
    return answer.has_more;
  };

  await admin.clearFaults();
  await admin.recreateHub({ partitions });
  for (const one of steps) {
    if (one.do === 'send') await admin.seed({ count: one.count, partitionId: idOf(one.partition) });
    else if (one.do === 'expire') await admin.expire({ partitionId: idOf(one.partition), keep: one.keep });
    else if (one.do === 'jump') await admin.jumpOffset({ partitionId: idOf(one.partition), by: one.by });
    else if (one.do === 'fault') await admin.armFault({ ...one.fault });
    else if (one.do === 'restart') reader.restart();
    else if (one.do === 'recreate') {
      partitions = one.partitions;
      await admin.recreateHub({ partitions });
      if (one.seed > 0) await admin.seed({ count: one.seed });
      recreated = true;
    } else if (one.do === 'wait') {
      const { send } = one;
      await poll(
        { limit: 1_000, waitSeconds: send ? 1 : 0.01 },
        {
          meanwhile: async () => {
            if (send) await admin.seed({ count: send.count, partitionId: idOf(send.partition) });
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
                if (what.do === 'fault') await admin.armFault({ ...what.fault });
                else await admin.expire({ partitionId: idOf(what.partition), keep: what.keep });
              }
            : undefined,
        },
      );
    }
  }
  await admin.clearFaults();
  while (await poll({ limit: 37 }));
  for (const [id, { end }] of await holds()) expect(next.get(id), `partition ${id}`).toBe(end);
}

const TITLE = 'whatever happens, each message comes once and in order, or its gap, and then no more';

async function check(reader: Reader, admin: FeedEndpoint['admin'], numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(history, (one) => play(reader, admin, one)),
    { numRuns, examples: [[busyForLong], [emptied]] },
  );
}

/** At the same time: they wait for the hub, and each has an endpoint of its own. */
describeFeedReadings({ concurrent: true }, ({ endpoint: kind, reader }) => {
  test(TITLE, { timeout: TIME_LIMIT_MS, retry: 0 }, async () => {
    const endpoint = await kind.start();
    const worker = clientReader(endpoint.settings, reader);
    await check(
      worker,
      endpoint.admin,
      reader === 'sdk' ? SDK_RUNS : kind.isConfigurable ? LIBRARY_RUNS : RUNS,
    );
    worker.close();
    await endpoint.close();
  });
});

describe.concurrent('HTTP', () => {
  test(TITLE, { timeout: TIME_LIMIT_MS, retry: 0 }, async () => {
    const stack = await startStack({ partitions: 4 });
    const reader: Reader = {
      poll: async ({ after, limit, only, waitSeconds = 0 }) => {
        const { status, text, json } = await stack.feed({
          after_offset: after,
          limit,
          ...(only && { partitions: only.join(',') }),
          ...(waitSeconds > 0 && { wait: Math.ceil(waitSeconds) }),
        });
        if (status >= 429) throw new Problem(json.code, text);
        expect([status, text.slice(0, 300)]).toEqual([200, expect.anything()]);
        return json as FeedPage;
      },
      restart: () => undefined,
      close: () => undefined,
    };
    await check(
      reader,
      emulatorAdmin(() => stack.emulator),
      HTTP_RUNS,
    );
    await stack.close();
  });
});
