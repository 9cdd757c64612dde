import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'node:https';
import { json } from 'node:stream/consumers';
import { EventHubConsumerClient } from '@azure/event-hubs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import { malformedBytes, malformedRequests, sample, sendAll } from '../malformedRequests';

let emulator: Emulator;
let caFolder: string;
let agent: Agent;
const logged: string[] = [];

beforeAll(async () => {
  caFolder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({
    ...{ hubPort: 0, amqpPort: 0, mqttPort: 0, proxyPort: 0, partitions: 2, caFolder },
    allowedHosts: ['hub.example', '.tunnel.example'],
    log: (line) => logged.push(line),
  });
  agent = new Agent({ ca: emulator.ca, keepAlive: true, servername: 'localhost' });
});
afterAll(async () => {
  agent.destroy();
  await emulator.close();
  await rm(caFolder, { recursive: true, force: true });
});

/** @returns the status and the JSON body */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<[number, unknown]> {
  return new Promise((resolve, reject) => {
    request(`${emulator.endpoint}${path}`, { agent, headers, method }, (response) => {
      json(response).then((body) => resolve([response.statusCode ?? 0, body]), reject);
    })
      .on('error', reject)
      .end();
  });
}

const PATHS = [
  ...[
    '/_emulator/state',
    '/_emulator/messages',
    '/_emulator/faults',
    '/_emulator/faults/1',
    '/_emulator/reset',
  ],
  ...[
    '/_emulator/identity/token',
    '/devices',
    '/devices/x',
    '/devices/x/messages/events?api-version=2021-04-12',
  ],
];

describe('after malformed requests the emulator serves', () => {
  test('HTTPS', async () => {
    const requests = sample(malformedRequests(`127.0.0.1:${emulator.hubPort}`, PATHS));
    await sendAll(emulator.hubPort, requests, true);
    expect((await ask('/_emulator/state'))[0]).toBe(200);
    expect(logged).toEqual([]);
  });

  test('AMQP', async () => {
    // The protocol headers of AMQP and of SASL, a SASL init for ANONYMOUS, and an open without a host name.
    const openings = [
      '414d515000010000',
      '414d515003010000',
      '0000001c0201000000534110c0 0f 03a309414e4f4e594d4f55534040',
    ]
      .map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'))
      .concat(
        Buffer.from('414d5150000100000000001502000000005310c008 02a10178 a10179'.replaceAll(' ', ''), 'hex'),
      );
    await sendAll(emulator.amqpPort, sample(malformedBytes(openings)));
    const client = new EventHubConsumerClient('$Default', emulator.connectionStrings.eventHub('service'));
    expect(await client.getPartitionIds()).toEqual(['0', '1']);
    await client.close();
    await expect.poll(() => emulator.admin.state().connections.amqp).toBe(0);
  });
});

test(
  'a client that opens its connection again after its close is disconnected',
  { timeout: 20_000 },
  async () => {
    const [header, open, close, begin, attach] = [
      '414d515000010000',
      `0000001c02000000 005310c00f02 a10178 a109${Buffer.from('localhost').toString('hex')}`,
      '0000000c02000000 00531845',
      '0000001402000000 005311c00704 40 43 5264 5264',
      `0000002102000000 005312c01406 a1016c 43 41 40 40 005328c00701 a104${Buffer.from('$cbs').toString('hex')}`,
    ].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex')) as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const socket = connect(emulator.amqpPort, '127.0.0.1');
    const received: Buffer[] = [];
    socket.on('data', (data: Buffer) => received.push(data)).on('error', () => undefined);
    const ended = once(socket, 'close');
    socket.write(Buffer.concat([header, open]));
    const has = (code: number) => Buffer.concat(received).includes(Buffer.from([0x00, 0x53, code]));
    await expect.poll(() => has(0x10)).toBe(true);
    socket.write(Buffer.concat([close, open, begin, attach]));
    await ended;
    expect(has(0x12)).toBe(false);
  },
);

describe('after malformed requests the emulator still serves', () => {
  test('MQTT', async () => {
    // CONNECT, SUBSCRIBE and PUBLISH of MQTT 3.1.1.
    const openings = ['100e00044d5154540402003c00027831', '8206000100016100', '3006000161787878', 'e000'].map(
      (hex) => Buffer.from(hex, 'hex'),
    );
    await sendAll(emulator.mqttPort, sample(malformedBytes(openings)), true);
    await sendAll(emulator.mqttPort, sample(malformedBytes(openings)));
    await expect.poll(() => emulator.admin.state().connections.mqtt).toBe(0);
    expect(logged).toEqual([]);
  });

  test('its proxy', async () => {
    const port = emulator.proxyPort ?? 0;
    const requests = malformedRequests(
      `localhost:${port}`,
      ['localhost:443', 'x:443', ':1', ''],
      ['CONNECT', 'CONNECT', 'GET'],
    );
    await sendAll(port, sample(requests));
    const socket = connect(port, '127.0.0.1');
    socket.write(`CONNECT ${emulator.hostName}:443 HTTP/1.1\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(first.toString()).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('the emulator', () => {
  test.each([
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['hub.example.evil', 421],
    ['127.0.0.1:1', 200],
    ['localhost', 200],
    ['[::1]:8443', 200],
    ['hubfront.azure-devices.localhost', 200],
    ['HUB.example:443', 200],
    ['a.tunnel.example', 200],
  ])('responds to a request for the host %j with %i', async (host, status) => {
    expect((await ask('/_emulator/state', { host }))[0]).toBe(status);
    const hubStatus = (await ask('/devices/x', { host }))[0];
    expect(hubStatus === 421).toBe(status === 421);
  });

  test.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ 'sec-fetch-site': 'Cross-Site' }, 403],
    [{ 'sec-fetch-site': 'other' }, 403],
    [{ 'sec-fetch-site': 'Same-Origin', origin: 'https://OWN' }, 200],
    [{ 'sec-fetch-site': 'cross-site', origin: 'https://OWN' }, 403],
    [{ origin: 'http://OWN' }, 403],
  ])('responds to %j on its admin API with %i', async (headers, status) => {
    const own = `127.0.0.1:${emulator.hubPort}`;
    const sent = Object.entries(headers).map(([name, value]) => [name, value.replace('OWN', own)]);
    expect((await ask('/_emulator/faults', Object.fromEntries(sent), 'DELETE'))[0]).toBe(status);
  });

  test.each([
    ['GET', '/_emulator/nothing', 404],
    ['GET', '/_emulator//', 404],
    ['GET', '/_emulator/%ff', 404],
    ['PUT', '/_emulator/state', 405],
    ['DELETE', '/_emulator/faults/99', 404],
    ['DELETE', '/_emulator/faults/1e9', 404],
    ['GET', '/_emulator/messages?limit=%ff', 400],
    ['GET', '/_emulator/messages?__proto__=1', 400],
  ])('responds to %s %s with %i and JSON', async (method, path, status) => {
    const [actual, body] = await ask(path, {}, method);
    expect(actual).toBe(status);
    expect(body).toMatchObject({ error: expect.any(String) });
  });
});
