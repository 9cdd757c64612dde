// @module-tag full

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import { buildDotnetProgram } from '../oracles/dotnet';
import { type LineProcess, startLineProcess } from '../oracles/lineProcess';

const program = buildDotnetProgram('test/oracles/eventHubsDotnet');
const PARTITIONS = 4;
const MESSAGES = 10;

describe.runIf(program)('Azure.Messaging.EventHubs', () => {
  let emulator: Emulator;
  let caFolder: string;
  /** As a developer starts it: `HTTPS_PROXY=… SSL_CERT_FILE=…`. */
  let client: LineProcess;
  beforeAll(async () => {
    caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    emulator = await startEmulator({ amqpsPort: 0, proxyPort: 0, partitions: PARTITIONS, caFolder });
    emulator.admin.seed({ count: PARTITIONS * MESSAGES, deviceId: 'sensor' });
    client = startLineProcess('dotnet', [program ?? ''], {
      HTTPS_PROXY: `http://127.0.0.1:${emulator.proxyPort}`,
      SSL_CERT_FILE: emulator.caFile,
      // The test command excepts the machine's own names from proxies.
      NO_PROXY: '',
      no_proxy: '',
    });
  });
  afterAll(async () => {
    await client.close();
    await emulator.close();
    await rm(caFolder, { recursive: true, force: true });
  });

  const transports = {
    TCP: () => ({ connection: emulator.connectionStrings.eventHub('service') }),
    TLS: () => ({
      connection: emulator.connectionStrings.eventHubOverTls('service'),
      endpoint: `amqps://127.0.0.1:${emulator.amqpsPort}`,
    }),
    'WebSockets through the proxy': () => ({
      connection: emulator.connectionStrings.eventHubOverTls('service'),
      transport: 'websockets',
    }),
    'WebSockets to an endpoint': () => ({
      connection: emulator.connectionStrings.eventHubOverTls('service'),
      transport: 'websockets',
      endpoint: `wss://127.0.0.1:${emulator.hubPort}`,
    }),
  };
  const ask = (action: string, fields: object = {}) => client.ask({ action, ...transports.TCP(), ...fields });
  const sequenceNumbers = (events: any): number[] => {
    if (!Array.isArray(events)) throw new Error(JSON.stringify(events));
    return events.map(({ sequenceNumber }) => sequenceNumber);
  };

  describe.each(Object.entries(transports))('over %s', (_, transport) => {
    test('reads the properties of hub and partitions at the same time', async () => {
      const properties = await ask('properties', transport());
      expect(properties).toMatchObject({ name: 'hubfront' });
      expect(properties.partitions).toHaveLength(PARTITIONS);
      expect(properties.partitions[3]).toMatchObject({
        ...{ id: '3', first: 0, last: MESSAGES - 1, isEmpty: false },
      });
    });

    test('reads every message of every partition', async () => {
      const events = await ask('read all', { ...transport(), count: PARTITIONS * MESSAGES });
      expect(events).toHaveLength(PARTITIONS * MESSAGES);
      for (const partition of ['0', '1', '2', '3']) {
        const own = events.filter((event: any) => event.partition === partition);
        expect(sequenceNumbers(own)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }
      expect(events[0]).toMatchObject({
        ...{ device: 'sensor', contentType: 'application/json', lastInPartition: MESSAGES - 1 },
      });
    });
  });

  test('reads from an offset, a sequence number and a time, inclusive or not', async () => {
    const all = await ask('read', { count: MESSAGES });
    const { offset, enqueued } = all[4];
    const rest = { count: 2 };
    expect(sequenceNumbers(await ask('read', { offset, ...rest }))).toEqual([5, 6]);
    expect(sequenceNumbers(await ask('read', { offset, inclusive: true, ...rest }))).toEqual([4, 5]);
    expect(sequenceNumbers(await ask('read', { sequenceNumber: 7, ...rest }))).toEqual([8, 9]);
    expect(sequenceNumbers(await ask('read', { sequenceNumber: 7, inclusive: true, ...rest }))).toEqual([
      7, 8,
    ]);
    const before = new Date(new Date(enqueued).getTime() - 1).toISOString();
    expect(sequenceNumbers(await ask('read', { time: before, count: 1 }))).toEqual([0]);
  });

  test('disconnects readers with a lower epoch or none', async () => {
    const disconnected = { error: 'EventHubsException', reason: 'ConsumerDisconnected' };
    expect(await ask('epochs', { partition: '1' })).toMatchObject({
      'read by the higher': 1,
      'the lower, once displaced': disconnected,
      'a new lower': disconnected,
      'one without': disconnected,
    });
  });

  test.each([
    ['an unknown consumer group', { group: 'nobody' }, 'ResourceNotFound', "'hubfront/ConsumerGroups/nobody"],
    ['a position beyond the end', { sequenceNumber: 1000 }, undefined, "The supplied sequence number '1000'"],
  ])("gets the service's error for %s", async (_, fields, reason, text) => {
    const error = await ask('read', { ...fields, count: 1 });
    expect(error.message).toContain(text);
    if (reason !== undefined) expect(error).toMatchObject({ error: 'EventHubsException', reason });
  });

  test("gets the service's errors for another key, another policy, and for sending", async () => {
    const right = emulator.connectionStrings.eventHub('service');
    const wrongKey = right.replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${btoa('x'.repeat(32))}`);
    for (const connection of [wrongKey, emulator.connectionStrings.eventHub('device')]) {
      expect(await ask('properties', { connection })).toMatchObject({ error: 'UnauthorizedAccessException' });
      expect(await ask('read', { connection })).toMatchObject({ error: 'UnauthorizedAccessException' });
    }
    const refused = await ask('send');
    expect(refused).toMatchObject({ error: 'UnauthorizedAccessException' });
    expect(refused.message).toContain("'Send' claim(s) are required");
  });

  test.each(['closeConnections', 'resetConnections', 'detachLinks'])(
    'continues reading after %s',
    async (kind) => {
      const partitionId = '2';
      const state = () => emulator.admin.state().partitions[2];
      const kept = state()?.count ?? 0;
      const reading = ask('read', { partition: partitionId, count: kept + 1, retries: 3 });
      await expect.poll(() => state()?.readers).toBe(1);
      emulator.admin.armFault({ kind });
      await expect.poll(() => state()?.readers).toBe(1);
      emulator.admin.seed({ count: 1, partitionId });
      expect(sequenceNumbers(await reading)).toEqual(Array.from({ length: kept + 1 }, (_, n) => n));
    },
  );
});
