import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FeedClient, describeFeedReadings, openFeedClient } from '../../feedClient';
import type { EndpointFault, FeedEndpoint } from '../../feedEndpoints';
import { runs } from '../../testSize';

const FAULTY_POLLS = runs(6, 300);

describeFeedReadings({}, ({ endpoint: kind, reader }) => {
  let endpoint: FeedEndpoint;
  let feed: FeedClient;
  let after: string;

  beforeAll(async () => {
    endpoint = await kind.start({ partitions: 4 });
  });
  afterAll(() => endpoint.close());
  beforeEach(async () => {
    await endpoint.admin.clearFaults();
    await endpoint.admin.recreateHub();
    feed = openFeedClient(endpoint.settings, reader);
    after = '0';
  });
  afterEach(() => {
    feed.close();
  });

  /** Polls on from where the last poll ended. @returns how many messages came */
  async function poll({ waitSeconds = 0, limit = 10_000 } = {}): Promise<number> {
    const page = await feed.poll(after, { limit, waitSeconds });
    after = page.next_offset;
    return page.messages.length;
  }

  /** As a worker does: a poll that fails is made again. @returns how many messages came, and after which failures */
  async function pollUntilAnswered(): Promise<{ messages: number; failures: string[] }> {
    const failures: string[] = [];
    for (;;) {
      try {
        return { messages: await poll(), failures };
      } catch (error) {
        failures.push((error as { code: string }).code);
        if (failures.length > 2) throw error;
      }
    }
  }

  describe('the feed reads on', () => {
    test.each<[string, EndpointFault]>([
      ['a connection was closed', { kind: 'closeConnections' }],
      ['a connection was reset', { kind: 'resetConnections' }],
      ['links were detached', { kind: 'detachLinks' }],
      ['a partition was moved', { kind: 'detachLinks', condition: 'amqp:link:redirect', partitionId: '1' }],
      ['the hub was busy once', { kind: 'serverBusy', times: 1 }],
      ['the hub was busy three times', { kind: 'serverBusy', times: 3 }],
      ['a reader was refused', { kind: 'attachError', times: 1 }],
      [
        'a partition was moving',
        { kind: 'attachError', times: 2, condition: 'amqp:not-found', partitionId: '2' },
      ],
    ])(
      'after %s, by the next poll or the one after it',
      async (_, fault) => {
        await endpoint.admin.seed({ count: 8 });
        expect(await poll()).toBe(8);
        await endpoint.admin.seed({ count: 100 });
        await endpoint.admin.armFault(fault);
        let read = 0;
        for (let polls = 0; polls < 3 && read < 100; polls += 1) read += (await pollUntilAnswered()).messages;
        expect(read).toBe(100);
      },
      40_000,
    );

    test('after its key was revoked and restored', async () => {
      await endpoint.admin.seed({ count: 8 });
      expect(await poll()).toBe(8);
      await endpoint.admin.armFault({ kind: 'revokeKeys', policy: 'service' });
      await endpoint.admin.armFault({ kind: 'closeConnections' });
      await expect(poll()).rejects.toMatchObject({ code: 'hub_access_denied' });
      await endpoint.admin.clearFaults();
      await endpoint.admin.seed({ count: 100 });
      expect((await pollUntilAnswered()).messages).toBe(100);
    });

    test('after the hub was gone and is there again', async () => {
      expect(await poll()).toBe(0);
      await endpoint.restart(async () => {
        await expect(poll()).rejects.toMatchObject({ code: 'hub_unavailable', status: 503 });
      });
      await endpoint.admin.seed({ count: 100 });
      expect((await pollUntilAnswered()).messages).toBe(100);
    });
  });

  test.skipIf(reader === 'sdk')('readers leave no session behind', async () => {
    for (let polls = 0; polls < 50; polls += 1) {
      await endpoint.admin.seed({ count: 8 });
      expect(await poll()).toBe(8);
    }
    const requests = 2; // $cbs and $management
    await expect.poll(async () => (await endpoint.admin.state()).connections.amqpSessions).toBe(requests);
  });

  /** What this process holds: sockets and timers (the emulator's side of each connection too). */
  function held(): { sockets: number; timers: number } {
    const count: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) count[kind] = (count[kind] ?? 0) + 1;
    return { sockets: count.TCPSocketWrap ?? 0, timers: count.Timeout ?? 0 };
  }

  test(
    `${FAULTY_POLLS} polls with faults leave nothing behind, and lose nothing`,
    { timeout: 300_000, retry: 0 },
    async () => {
      feed.close();
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning); // too many listeners, among others
      process.on('warning', onWarning);
      await expect.poll(async () => (await endpoint.admin.state()).connections.amqp).toBe(0);
      const before = held();
      feed = openFeedClient(endpoint.settings, reader);
      const faults = [
        { kind: 'closeConnections' },
        { kind: 'resetConnections' },
        { kind: 'detachLinks' },
        { kind: 'serverBusy', times: 1 },
        { kind: 'attachError', times: 2 },
        { kind: 'attachError', times: 1, condition: 'amqp:resource-limit-exceeded' },
      ];
      let sent = 0;
      let read = 0;
      for (let polls = 0; polls < FAULTY_POLLS; polls += 1) {
        await endpoint.admin.seed({ count: 4 });
        sent += 4;
        const polling = poll({ limit: 8, waitSeconds: polls % 3 ? 0 : 1 }).catch(() => 0);
        await endpoint.admin.armFault(faults[polls % faults.length] ?? { kind: 'detachLinks' });
        read += await polling;
      }
      await endpoint.admin.clearFaults();
      while (read < sent) read += (await pollUntilAnswered()).messages;
      expect(read).toBe(sent);
      expect((await endpoint.admin.state()).connections.amqp).toBe(1);

      feed.close();
      await expect.poll(async () => (await endpoint.admin.state()).connections.amqp).toBe(0);
      // No more than before: what the tests before had left may have ended meanwhile.
      await expect.poll(() => held().sockets).toBeLessThanOrEqual(before.sockets);
      await expect.poll(() => held().timers).toBeLessThanOrEqual(before.timers);
      expect((await endpoint.admin.state()).partitions.map(({ readers }) => readers)).toEqual([0, 0, 0, 0]);
      expect(warnings).toEqual([]);
      process.off('warning', onWarning);
    },
  );
});
