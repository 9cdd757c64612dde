// @module-tag full

import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';
import { buildDotnetProgram } from '../oracles/dotnet';
import { type LineProcess, startLineProcess } from '../oracles/lineProcess';

const program = buildDotnetProgram('test/oracles/eventHubsDotnet');
const PARTITIONS = 4;
const MESSAGES = 30;
const UNAUTHORIZED = { error: 'UnauthorizedAccessException' };

/** What Azure.Messaging.EventHubs can do beside reading in a loop: credentials, batches, quotas, processors. */
describe.runIf(program)("Azure.Messaging.EventHubs' options", () => {
  let emulator: Emulator;
  let caFolder: string;
  let client: LineProcess;
  beforeAll(async () => {
    caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
    emulator = await startEmulator({ proxyPort: 0, partitions: PARTITIONS, caFolder });
    emulator.admin.seed({ count: PARTITIONS * MESSAGES });
    client = startLineProcess('dotnet', [program ?? ''], {
      ...{ SSL_CERT_FILE: emulator.caFile, HTTPS_PROXY: '', NO_PROXY: '', no_proxy: '' },
    });
  });
  afterAll(async () => {
    await client.close();
    await emulator.close();
    await rm(caFolder, { recursive: true, force: true });
  });
  const ask = (action: string, fields: object = {}) =>
    client.ask({ action, connection: emulator.connectionStrings.eventHub('service'), ...fields });
  /** By WebSockets through the proxy that the client's own option names. */
  const throughProxy = () => ({
    connection: emulator.connectionStrings.eventHubOverTls('service'),
    host: emulator.hostName,
    transport: 'websockets',
    proxy: `http://127.0.0.1:${emulator.proxyPort}`,
  });

  describe('a credential', () => {
    const signature = (expiresInS: number): string => {
      const resource = encodeURIComponent(`amqps://${emulator.hostName}/hubfront`);
      const expiry = Math.floor(Date.now() / 1000) + expiresInS;
      const sig = createHmac('sha256', POLICIES.service.key)
        .update(`${resource}\n${expiry}`)
        .digest('base64');
      return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(sig)}&se=${expiry}&skn=service`;
    };
    const credential = (kind: string, fields: object = {}) =>
      ask('credential', { ...throughProxy(), kind, ...fields });

    test('is a key with its name, or a signature', async () => {
      expect(await credential('named key', { key: POLICIES.service.key })).toBe('hubfront');
      expect(await credential('signature', { signature: signature(600) })).toBe('hubfront');
    });

    test('is not a wrong key, nor a token of Microsoft Entra ID', async () => {
      expect(await credential('named key', { key: POLICIES.device.key })).toMatchObject(UNAUTHORIZED);
      expect(await credential('token')).toMatchObject(UNAUTHORIZED);
    });
  });

  test.each([
    ['without reading ahead', { prefetch: 0 }],
    ['one ahead', { prefetch: 1 }],
    ['far ahead, bounded in bytes', { prefetch: 500, prefetchBytes: 1_000 }],
  ])('batches come in order, %s', async (_, fields) => {
    const read = await ask('batches', { count: MESSAGES, batch: 7, sequenceNumber: -1, ...fields });
    expect(read).toMatchObject({ 'last in partition': MESSAGES - 1 });
    expect(read['sequence numbers']).toEqual(Array.from({ length: MESSAGES }, (_, n) => n));
  });

  test('a batch from the end has what comes after', async () => {
    const partitionId = '3';
    const reading = ask('batches', { partition: partitionId, position: 'latest', count: 2, batch: 5 });
    await expect.poll(() => emulator.admin.state().partitions[3]?.readers).toBe(1);
    emulator.admin.seed({ count: 2, partitionId });
    expect(await reading).toEqual({
      'sequence numbers': [MESSAGES, MESSAGES + 1],
      'last in partition': MESSAGES + 1,
    });
  });

  test('the sixth reader of a partition meets the quota', async () => {
    const met = await ask('quota', { count: 6, partition: '1' });
    expect(met.slice(0, 5)).toEqual([null, null, null, null, null]);
    expect(met[5]).toMatchObject({ error: 'EventHubsException', reason: 'QuotaExceeded' });
  });

  test.each([
    ['an event hub that is not there', { connection: 'EntityPath=nothing' }, 'UnauthorizedAccessException'],
    ['a partition that is not there', { partition: '99' }, 'ArgumentOutOfRangeException'],
  ])('%s is an error at once', async (_, fields: Record<string, string>, error) => {
    const connection = emulator.connectionStrings
      .eventHub('service')
      .replace(/EntityPath=[^;]+/, fields.connection ?? 'EntityPath=hubfront');
    const refused = await ask('read', { ...fields, connection, count: 1 });
    expect(refused.error).toBe(error);
  });

  test('a batch to send is refused, as an event is', async () => {
    const refused = await ask('send batch');
    expect(refused).toMatchObject(UNAUTHORIZED);
    expect(refused.message).toContain("'Send' claim(s) are required");
  });

  test('two event processors share the partitions, by their owner levels', async () => {
    const shared = await ask('processors', { count: PARTITIONS * MESSAGES, group: 'analytics', retries: 1 });
    expect(shared.read).toBeGreaterThanOrEqual(PARTITIONS * MESSAGES);
    expect(Math.min(...shared.owned)).toBeGreaterThan(0);
  });
});
