import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';
import { findProgram } from '../clients/programs';
import { type LineProcess, startLineProcess } from '../oracles/lineProcess';

// Debian's own Python: its packages are not for another one on the PATH.
const PYTHON = '/usr/bin/python3';
const eventHubs = findProgram(PYTHON, 'python3-azure python3-uamqp python3-websocket', [
  '-c',
  'import azure.eventhub, uamqp, websocket',
]);
const proton = findProgram(PYTHON, 'python3-qpid-proton', ['-c', 'import proton']);

const MESSAGES = 10;
let emulator: Emulator;
let caFolder: string;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ amqpsPort: 0, partitions: 2, caFolder });
  emulator.admin.seed({ count: 2 * MESSAGES, deviceId: 'sensor' });
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

describe.runIf(eventHubs)('azure-eventhub for Python', () => {
  let client: LineProcess;
  beforeAll(() => {
    client = startLineProcess(PYTHON, ['test/oracles/python/event_hubs_client.py']);
  });
  afterAll(() => client.close());

  const ask = (transport: 'TLS' | 'websockets', request: object) =>
    client.ask({
      transport,
      port: transport === 'TLS' ? emulator.amqpsPort : emulator.hubPort,
      ca: emulator.caFile,
      connection: emulator.connectionStrings
        .eventHubOverTls('service')
        .replace(emulator.hostName, 'localhost'),
      ...request,
    });

  describe.each(['TLS', 'websockets'] as const)('over %s', (transport) => {
    test('reads the properties of hub and partitions', async () => {
      expect(await ask(transport, { action: 'properties' })).toEqual({
        name: 'hubfront',
        partitions: ['0', '1'].map((id) => ({ id, first: 0, last: MESSAGES - 1, isEmpty: false })),
      });
    });

    test('reads every message of every partition', async () => {
      const events = await ask(transport, { action: 'read', count: 2 * MESSAGES });
      for (const partition of ['0', '1']) {
        const own = events.filter((event: any) => event.partition === partition);
        expect(own.map((event: any) => event.sequenceNumber)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }
      expect(events[0]).toMatchObject({ device: 'sensor', lastInPartition: MESSAGES - 1 });
    });
  });

  test(
    'reads from an offset and a sequence number, inclusive or not, with an epoch',
    { tags: 'full' },
    async () => {
      const read = async (fields: object) => {
        const events = await ask('TLS', { action: 'read', partition: '1', count: 2, epoch: 1, ...fields });
        return events.slice(0, 2).map((event: any) => event.sequenceNumber);
      };
      const all = await ask('TLS', { action: 'read', partition: '1', count: MESSAGES });
      expect(await read({ position: all[4].offset })).toEqual([5, 6]);
      expect(await read({ position: all[4].offset, inclusive: true })).toEqual([4, 5]);
      expect(await read({ position: 7 })).toEqual([8, 9]);
      expect(await read({ position: 7, inclusive: true })).toEqual([7, 8]);
    },
  );

  test("gets the service's error for an unknown consumer group", { tags: 'full' }, async () => {
    const error = await ask('TLS', { action: 'read', partition: '0', group: 'nobody', count: 1 });
    expect(error.message).toContain("'hubfront/ConsumerGroups/nobody/Partitions/0' could not be found");
  });

  test("Microsoft's C library uamqp reads a partition", async () => {
    const { key } = POLICIES.service;
    expect(
      await ask('TLS', {
        ...{ action: 'uamqp read', hub: 'hubfront', partition: '0', policy: 'service', key, count: 3 },
      }),
    ).toEqual([0, 1, 2]);
  });
});

describe.runIf(proton)('Qpid Proton', () => {
  let client: LineProcess;
  beforeAll(() => {
    client = startLineProcess(PYTHON, ['test/oracles/python/proton_client.py']);
  });
  afterAll(() => client.close());

  const tcp = () => ({ url: `amqp://127.0.0.1:${emulator.amqpPort}` });
  const tls = () => ({ url: `amqps://localhost:${emulator.amqpsPort}`, ca: emulator.caFile });
  const ask = (request: object) =>
    client.ask({
      ...tcp(),
      ...{ hub: 'hubfront', partition: '0', policy: 'service', key: POLICIES.service.key, count: 3 },
      ...request,
    });

  test.each([
    ['a token', 'TCP', 'cbs', tcp],
    ['a token', 'TLS', 'cbs', tls],
    ['SASL PLAIN', 'TCP', 'plain', tcp],
    ['SASL PLAIN', 'TLS', 'plain', tls],
  ])('reads with %s over %s, all links in one session', async (_, __, login, transport) => {
    expect(await ask({ login, ...transport() })).toMatchObject({
      sequenceNumbers: [0, 1, 2],
      partitions: ['0', '1'],
    });
  });

  test('gets back the credit that it drains', async () => {
    const result = await ask({ login: 'plain', count: MESSAGES, drain: true });
    expect(result).toMatchObject({ sequenceNumbers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], creditLeft: 0 });
  });

  test(
    'is rejected with a wrong key, another policy or an unknown consumer group',
    { tags: 'full' },
    async () => {
      expect(await ask({ login: 'plain', key: 'wrong' })).toMatchObject({
        error: 'amqp:unauthorized-access',
      });
      expect(await ask({ login: 'plain', policy: 'device', key: POLICIES.device.key })).toMatchObject({
        error: 'amqp:unauthorized-access',
      });
      expect(await ask({ login: 'cbs', key: 'wrong' })).toMatchObject({ status: 401 });
      expect(await ask({ login: 'cbs', group: 'nobody' })).toMatchObject({ error: 'amqp:not-found' });
    },
  );
});
