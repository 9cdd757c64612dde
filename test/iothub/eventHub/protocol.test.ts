import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type FeedClient,
  type FeedPage,
  CONFIGURABLE_READINGS,
  describeFeedReadings,
  openFeedClient,
} from '../../feedClient';
import type { EndpointFault, FeedEndpoint } from '../../feedEndpoints';
import { runs } from '../../testSize';

const PARTITIONS = 4;
/** how often each fault strikes */
const ROUNDS = runs(1, 5);

const FAULTS: readonly [string, EndpointFault][] = [
  ['closed the connection', { kind: 'closeConnections' }],
  ['closed the connection with an error', { kind: 'closeConnections', condition: 'amqp:connection:forced' }],
  ['reset the connection', { kind: 'resetConnections' }],
  ['ended the sessions', { kind: 'endSessions' }],
  ['ended the sessions with an error', { kind: 'endSessions', condition: 'amqp:internal-error' }],
  ['detached the readers', { kind: 'detachLinks' }],
  ['detached the links of $cbs', { kind: 'detachRequestLinks', node: '$cbs' }],
  [
    'detached the links of $cbs with an error',
    { kind: 'detachRequestLinks', node: '$cbs', condition: 'amqp:link:detach-forced' },
  ],
  ['detached the links of $management', { kind: 'detachRequestLinks', node: '$management' }],
  ['refused a reader', { kind: 'attachError', times: 3 }],
  ['refused all readers', { kind: 'attachError', times: 8, condition: 'amqp:resource-limit-exceeded' }],
];

describeFeedReadings({}, ({ endpoint: kind, reader }) => {
  let endpoint: FeedEndpoint;
  let feed: FeedClient;
  let after: string;
  beforeAll(async () => {
    endpoint = await kind.start({ partitions: PARTITIONS, watched: true });
  });
  afterAll(() => endpoint.close());
  beforeEach(async () => {
    await endpoint.admin.recreateHub();
    feed = openFeedClient(endpoint.settings, reader);
    after = '0';
  });
  afterEach(() => {
    feed.close();
    const violations = endpoint.wire?.violations.splice(0) ?? [];
    // What the SDK and Microsoft's library send is theirs.
    const isOurs = { client: reader === 'amqp', server: !kind.isConfigurable };
    expect(violations.filter(({ from }) => isOurs[from])).toEqual([]);
  });

  /** As a worker does: polls on, and again after a failure, until all messages came. */
  async function readAll(count: number, { sizeBytes = 100 } = {}): Promise<void> {
    await endpoint.admin.seed({ count, sizeBytes });
    const messages: FeedPage['messages'] = [];
    for (let failures = 0; messages.length < count;) {
      const page = await feed.poll(after).catch((error: unknown) => {
        if ((failures += 1) > 3) throw error;
      });
      if (!page) continue;
      messages.push(...page.messages);
      after = page.next_offset;
    }
    for (const { body, sequenceNumber } of messages) expect(body).toMatchObject({ n: sequenceNumber });
  }

  test.each(FAULTS)('reads on by the rules after the hub %s', async (_, fault) => {
    await readAll(8);
    for (let round = 0; round < ROUNDS; round += 1) {
      await endpoint.admin.armFault(fault);
      await readAll(40);
    }
    await endpoint.admin.clearFaults();
  });

  test('is told of a message at once although the hub detached the links of $cbs', async () => {
    after = (await feed.poll(after)).next_offset;
    await endpoint.admin.armFault({
      kind: 'detachRequestLinks',
      node: '$cbs',
      condition: 'amqp:link:detach-forced',
    });
    const polling = feed.poll(after, { waitSeconds: 20 });
    await expect
      .poll(async () => (await endpoint.admin.state()).partitions.map(({ readers }) => readers))
      .toEqual(Array.from({ length: PARTITIONS }, () => 1));
    await endpoint.admin.seed({ count: 1, partitionId: '2' });
    expect((await polling).messages).toHaveLength(1);
  });

  test('reads a message again whose delivery the hub aborted', async () => {
    await readAll(4);
    await endpoint.admin.armFault({ kind: 'slowPartition', partitionId: '1', delayMs: 3_600_000 });
    const reading = readAll(40);
    await expect
      .poll(async () => (await endpoint.admin.state()).partitions[1]?.readers, { interval: 10 })
      .toBe(1);
    // The reader has to give credit first.
    await expect
      .poll(() => endpoint.admin.armFault({ kind: 'abortDelivery', partitionId: '1' }), { interval: 10 })
      .toEqual({ affected: 1 });
    await endpoint.admin.clearFaults();
    await reading;
  });

  test.each(['closeConnections', 'endSessions'] as const)(
    'reads on in the same poll after %s because of a frame for an ended session',
    async (kindOfFault) => {
      await readAll(4);
      await endpoint.admin.armFault({ kind: 'slowPartition', partitionId: '1', delayMs: 3_600_000 });
      await endpoint.admin.seed({ count: 1, partitionId: '1' });
      const polling = feed.poll(after);
      await expect
        .poll(async () => (await endpoint.admin.state()).partitions[1]?.readers, { interval: 10 })
        .toBe(1);
      await endpoint.admin.clearFaults();
      await endpoint.admin.armFault({ kind: kindOfFault, condition: 'amqp:not-found' });
      expect((await polling).messages).toHaveLength(1);
    },
  );

  test('reads messages of many frames', async () => {
    await readAll(12, { sizeBytes: 250_000 });
    await readAll(1, { sizeBytes: 250_000 });
  });

  test('closes its connection, and responds when the hub does', async () => {
    const closesOf = (connection: number): string[] =>
      (endpoint.wire?.frames ?? [])
        .filter((frame) => frame.connection === connection && frame.name === 'close')
        .map(({ from }) => from);
    await readAll(1);
    const byHub = endpoint.wire?.frames.at(-1)?.connection ?? 0;
    await endpoint.admin.armFault({ kind: 'closeConnections' });
    await expect.poll(() => closesOf(byHub)).toEqual(['server', 'client']);
    await readAll(1);
    const byReader = endpoint.wire?.frames.at(-1)?.connection ?? 0;
    feed.close();
    await expect.poll(() => closesOf(byReader)).toEqual(['client', 'server']);
  });
});

describe.each(CONFIGURABLE_READINGS)('$title', { tags: 'full' }, ({ endpoint: kind, reader }) => {
  test('keeps a connection alive whose hub closes silent ones', async () => {
    const endpoint = await kind.start({ watched: true, idleTimeoutMs: 400 });
    const feed = openFeedClient(endpoint.settings, reader);
    const { wire } = endpoint;
    const heartbeats = (): number =>
      wire?.frames.filter(({ from, name }) => from === 'client' && name === 'empty').length ?? 0;
    let after = (await feed.poll('0')).next_offset;
    for (let polls = 1; polls <= 2; polls += 1) {
      await expect.poll(heartbeats).toBeGreaterThan(5 * polls);
      await endpoint.admin.seed({ count: 4 });
      const page = await feed.poll(after);
      expect(page.messages).toHaveLength(4);
      after = page.next_offset;
    }
    expect(new Set(wire?.frames.map(({ connection }) => connection)).size).toBe(1);
    feed.close();
    await endpoint.close();
  });

  test('settles messages that the hub sends unsettled', async () => {
    const endpoint = await kind.start({ watched: true, settleOnSend: false });
    const feed = openFeedClient(endpoint.settings, reader);
    let after = '0';
    for (let polls = 0; polls < 3; polls += 1) {
      await endpoint.admin.seed({ count: 3_000 });
      const page = await feed.poll(after);
      expect(page.messages).toHaveLength(3_000);
      after = page.next_offset;
    }
    const { frames, violations } = endpoint.wire ?? {};
    expect(frames?.some(({ from, name }) => from === 'client' && name === 'disposition')).toBe(true);
    if (reader === 'amqp') expect(violations).toEqual([]);
    feed.close();
    await endpoint.close();
  });
});
