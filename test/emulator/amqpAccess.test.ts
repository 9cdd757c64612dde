import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import rhea, { type Connection, type ConnectionOptions, type EventContext } from 'rhea';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, POLICIES, startEmulator } from '../../emulator/index';

let emulator: Emulator;
let caFolder: string;
let connection: Connection;
beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ amqpsPort: 0, partitions: 1, caFolder, allowedHosts: ['.Emulator.test'] });
  emulator.admin.seed({ count: 1 });
});
afterEach(() => {
  connection.close();
});
afterAll(async () => {
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

const ENTITY = 'sb://localhost/hubfront';
const MINUTE_S = 60;

/** A token of Event Hubs, which is signed with the text of the key. */
function token(expiresInS: number, entity = ENTITY): string {
  const expiry = Math.floor(Date.now() / 1000) + expiresInS;
  const resource = encodeURIComponent(entity);
  const signature = createHmac('sha256', POLICIES.service.key)
    .update(`${resource}\n${expiry}`)
    .digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=service`;
}

/** Over TLS with this login. @returns the SASL mechanism */
function open(login: Partial<ConnectionOptions> & { enable_sasl_external?: boolean }): Promise<string> {
  connection = rhea.create_container().connect({
    ...{ transport: 'tls', host: 'localhost', port: emulator.amqpsPort, ca: emulator.ca, reconnect: false },
    ...login,
  } as ConnectionOptions);
  for (const event of ['disconnected', 'receiver_error', 'connection_error'])
    connection.on(event, () => undefined);
  return new Promise((resolve, reject) => {
    connection.on('connection_open', () => {
      const { sasl_transport: sasl } = connection as unknown as {
        sasl_transport: { mechanism_name?: string; selected?: { mechanism_name?: string } };
      };
      resolve(sasl.mechanism_name ?? sasl.selected?.mechanism_name ?? '');
    });
    connection.on('connection_error', () => {
      reject(new Error('the login was refused'));
    });
  });
}

/** @returns the response of `$cbs` to a token */
function putToken(sas: string, entity = ENTITY): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    const replies = connection.open_receiver({ source: '$cbs', target: 'replies' });
    replies.on('message', ({ message }: EventContext) => {
      resolve(message?.application_properties as Record<string, unknown>);
    });
    connection.open_sender('$cbs').on('sendable', ({ sender }: EventContext) => {
      sender?.send({
        message_id: '1',
        reply_to: 'replies',
        application_properties: {
          operation: 'put-token',
          type: 'servicebus.windows.net:sastoken',
          name: entity,
        },
        body: sas,
      });
    });
  });
}

/** @returns the first sequence number, or the condition with which the reader is refused */
function read(): Promise<unknown> {
  return new Promise((resolve) => {
    const reader = connection.open_receiver({
      source: {
        address: 'hubfront/ConsumerGroups/$Default/Partitions/0',
        filter: rhea.filter.selector("amqp.annotation.x-opt-offset > '-1'"),
      },
    });
    reader.on('message', ({ message }: EventContext) => {
      resolve(message?.message_annotations?.['x-opt-sequence-number']);
    });
    reader.on('receiver_error', () => {
      resolve((reader.error as { condition?: string } | undefined)?.condition);
    });
  });
}

describe.each([
  ['ANONYMOUS', () => Promise.resolve({ username: 'anonymous' })],
  [
    'EXTERNAL, with a certificate that nobody checks',
    async () => {
      const { private: key, cert } = await generate([{ name: 'commonName', value: 'anyone' }], {
        ...{ keyType: 'ec', algorithm: 'sha256' },
      });
      return { enable_sasl_external: true, key, cert };
    },
  ],
])('SASL %s', (name, login) => {
  test('opens nothing by itself: a token follows', async () => {
    expect(name).toContain(await open(await login()));
    expect(await read()).toBe('amqp:unauthorized-access');
    expect(await putToken(token(MINUTE_S))).toMatchObject({ 'status-code': 202 });
    expect(await read()).toBe(0);
  });
});

test('a connection receives on at most 100 links of $cbs and $management', async () => {
  await open({ username: 'anonymous' });
  const refused: unknown[] = [];
  const receive = (source: string) => {
    const link = connection.open_receiver({ source });
    const refusal = new Promise<void>((resolve) => {
      link.on('receiver_error', () => {
        refused.push((link.error as { condition?: string }).condition);
        resolve();
      });
    });
    return { link, refusal };
  };
  const opened = Array.from({ length: 100 }, (_, n) => receive(n % 2 === 0 ? '$cbs' : '$management'));
  await receive('$cbs').refusal;
  expect(refused).toEqual(['amqp:resource-limit-exceeded']);
  const closed = new Promise((resolve) => opened[0]?.link.once('receiver_close', resolve));
  opened[0]?.link.close();
  await closed;
  receive('$cbs');
  await receive('$cbs').refusal;
  expect(refused).toHaveLength(2);
});

describe('a token of $cbs', () => {
  test('is accepted until five minutes after its expiry', async () => {
    await open({ username: 'anonymous' });
    expect(await putToken(token(-4 * MINUTE_S))).toMatchObject({ 'status-code': 202 });
    expect(await read()).toBe(0);
  });

  test.each([
    ['amqps://a.emulator.test:5671/hubfront', 202],
    ['sb://127.0.0.1:5672/hubfront', 202],
    ['sb://emulator.example/hubfront', 401],
  ])('for %s gets status %i', async (entity, status) => {
    await open({ username: 'anonymous' });
    expect(await putToken(token(MINUTE_S, entity), entity)).toMatchObject({ 'status-code': status });
  });

  test('is refused then, with the reason', async () => {
    await open({ username: 'anonymous' });
    const response = await putToken(token(-6 * MINUTE_S));
    expect(response).toMatchObject({ 'status-code': 401, 'error-condition': 'com.microsoft:auth-failed' });
    expect(response['status-description']).toContain('ExpiredToken');
    expect(await read()).toBe('amqp:unauthorized-access');
  });
});
