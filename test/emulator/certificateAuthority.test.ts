import { createRequire } from 'node:module';
import { X509Certificate } from 'node:crypto';
import { Agent, request, type RequestOptions } from 'node:https';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import mqtt from 'mqtt';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmulator } from '../../emulator/index';
import { Client, Message } from '../azureSdks';
import { connected, startHub, VERSION, type TestHub } from './hub';

const require = createRequire(import.meta.url);
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
const { NoRetry } = require('azure-iot-common');
const { Http } = require('azure-iot-device-http');
const { X509AuthenticationProvider } = require('azure-iot-device');

interface Pair {
  readonly key: string;
  readonly cert: string;
}

async function issue(commonName: string, { ca, isCa = false, days = 1 }: Issue = {}): Promise<Pair> {
  const DAY_MS = 86_400_000;
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 10 * DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    ...(ca ? { ca } : {}),
    extensions: [{ name: 'basicConstraints', cA: isCa, critical: true }],
  });
  return { key: made.private, cert: made.cert };
}

interface Issue {
  readonly ca?: Pair;
  readonly isCa?: boolean;
  readonly days?: number;
}

let root: Pair;
let intermediate: Pair;
let factory: Pair;
let hub: TestHub;
beforeAll(async () => {
  root = await issue('Root', { isCa: true });
  intermediate = await issue('Intermediate', { ca: root, isCa: true });
  const other = await issue('Other root', { isCa: true });
  factory = await issue('Factory', { ca: other, isCa: true });
  // An intermediate CA can be registered without the CA that signed it.
  hub = await startHub({ amqpsPort: 0, trustedCas: [`${root.cert}\n${factory.cert}`] });
});
afterAll(() => hub.close());

const register = (deviceId: string) =>
  hub.register(deviceId, { authentication: { type: 'certificateAuthority' } });
const storedOf = (deviceId: string) =>
  hub.emulator.admin.messages({ limit: 1_000 }).filter((message) => message.deviceId === deviceId);

describe('a device with a certificate that a trusted CA signed', () => {
  test.each<[string, any, ('mqttPort' | 'amqpsPort')?]>([
    ['azure-iot-device-http', Http],
    ['azure-iot-device-mqtt', Mqtt, 'mqttPort'],
    ['azure-iot-device-mqtt over WebSockets', MqttWs],
    ['azure-iot-device-amqp', Amqp, 'amqpsPort'],
    ['azure-iot-device-amqp over WebSockets', AmqpWs],
  ])('sends with %s', async (name, transport, portName) => {
    const deviceId = name.replaceAll(' ', '-');
    await register(deviceId);
    const { emulator } = hub;
    const port = portName && emulator[portName];
    const pair = await issue(deviceId, { ca: root });
    const agent = new Agent({ host: '127.0.0.1', port: emulator.hubPort, ca: emulator.ca, ...pair });
    const provider = new X509AuthenticationProvider({
      host: emulator.hostName,
      deviceId,
      x509: pair,
      ...(port === undefined ? {} : { gatewayHostName: `127.0.0.1:${port}` }),
    });
    const client = Client.fromAuthenticationProvider(provider, transport);
    const isSet = client.setOptions({
      ...pair,
      // With `ca`, the SDK reads a file before it applies the options. Over HTTPS, its promise never resolves.
      ...(transport === Http ? { http: { agent } } : { ca: emulator.ca }),
      mqtt: { webSocketAgent: agent },
      amqp: { webSocketAgent: agent },
    });
    if (transport !== Http) await isSet;
    client.setRetryPolicy(new NoRetry());
    await client.sendEvent(new Message('{}'));
    await client.close();
    agent.destroy();
    expect(storedOf(deviceId)).toHaveLength(1);
  });

  const connectWith = (deviceId: string, { key, cert }: Pair) => {
    const options = hub.mqttOptions(deviceId, '', { key, cert, servername: hub.emulator.hostName });
    delete options.password;
    return mqtt.connect(options);
  };

  test.each<[string, () => Promise<Pair>]>([
    [
      'a chain through an intermediate CA',
      async () => {
        const pair = await issue('chain', { ca: intermediate });
        return { ...pair, cert: `${pair.cert}\n${intermediate.cert}` };
      },
    ],
    ['a trusted intermediate CA', () => issue('chain', { ca: factory })],
  ])('connects with %s', async (_, make) => {
    await register('chain');
    const client = connectWith('chain', await make());
    await connected(client);
    await client.endAsync();
    await hub.call('DELETE', '/devices/chain');
  });

  test.each<[string, () => Promise<Pair>]>([
    ['that names another device', () => issue('somebody', { ca: root })],
    ['that is self-signed', () => issue('refused')],
    ['of another CA', async () => issue('refused', { ca: await issue('Root', { isCa: true }) })],
    ['that has expired', () => issue('refused', { ca: root, days: -1 })],
    ['of an intermediate CA that it does not send', () => issue('refused', { ca: intermediate })],
    [
      'of a device that is no CA',
      async () => {
        const device = await issue('device', { ca: root });
        const pair = await issue('refused', { ca: device });
        return { ...pair, cert: `${pair.cert}\n${device.cert}` };
      },
    ],
  ])('is refused with a certificate %s', async (_, make) => {
    await register('refused');
    const client = connectWith('refused', await make());
    await expect(connected(client)).rejects.toMatchObject({ code: 5 });
    client.end(true);
    await hub.call('DELETE', '/devices/refused');
  });

  test('does not act for its module, whose common name is <device id>/<module id>', async () => {
    await register('edge');
    const authentication = { type: 'certificateAuthority' };
    await hub.call('PUT', '/devices/edge/modules/m', { authentication });
    const ofDevice = connectWith('edge/m', await issue('edge', { ca: root }));
    await expect(connected(ofDevice)).rejects.toMatchObject({ code: 5 });
    ofDevice.end(true);
    const ofModule = connectWith('edge/m', await issue('edge/m', { ca: root }));
    await connected(ofModule);
    await ofModule.endAsync();
  });

  test('is authenticated on a resumed TLS session as well', async () => {
    await register('resumed');
    const pair = await issue('resumed', { ca: intermediate });
    const chain = { ...pair, cert: `${pair.cert}\n${intermediate.cert}` };
    let session: Buffer | undefined;
    const send = () =>
      new Promise<{ status: number | undefined; isReused: boolean }>((resolve, reject) => {
        const path = `/devices/resumed/messages/events?${VERSION}`;
        const target = { host: '127.0.0.1', port: hub.emulator.hubPort, agent: false, ca: hub.emulator.ca };
        const options: RequestOptions & ConnectionOptions = {
          ...target,
          ...chain,
          session,
          method: 'POST',
          path,
        };
        const outgoing = request(options, (response) => {
          const isReused = (response.socket as never as { isSessionReused(): boolean }).isSessionReused();
          response.resume().on('end', () => resolve({ status: response.statusCode, isReused }));
        });
        outgoing.on('socket', (socket) => socket.on('session', (ticket: Buffer) => (session = ticket)));
        outgoing.on('error', reject).end('{}');
      });
    expect(await send()).toEqual({ status: 204, isReused: false });
    expect(await send()).toEqual({ status: 204, isReused: true });
  });

  test.each(['hubPort', 'mqttPort', 'amqpsPort'] as const)(
    'cannot send another certificate later (%s)',
    async (name) => {
      for (const servername of [hub.emulator.hostName, '']) {
        const socket = connectTls({
          host: '127.0.0.1',
          port: hub.emulator[name] ?? 0,
          ca: hub.emulator.ca,
          servername,
          checkServerIdentity: () => undefined,
          maxVersion: 'TLSv1.2',
          ...(await issue('first', { ca: root })),
        });
        await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
        const outcome = await new Promise<string>((resolve) => {
          socket.once('error', ({ message }) => resolve(message));
          socket.renegotiate({}, (error) => resolve(error ? error.message : 'renegotiated'));
        });
        expect(outcome).toMatch(/no renegotiation/);
        socket.destroy();
      }
    },
  );

  test('by a CA is refused where the hub knows a thumbprint', async () => {
    const pair = await issue('other-type', { ca: root });
    const x509Thumbprint = { primaryThumbprint: new X509Certificate(root.cert).fingerprint };
    await hub.register('other-type', { authentication: { type: 'selfSigned', x509Thumbprint } });
    await expect(connected(connectWith('other-type', pair))).rejects.toMatchObject({ code: 5 });
  });
});

test.each<[string, () => Promise<string>]>([
  ['is not in PEM format', () => Promise.resolve('certificate')],
  ['is not that of an authority', async () => (await issue('device', { ca: root })).cert],
])('a trusted CA certificate that %s is rejected', async (_, make) => {
  await expect(startEmulator({ trustedCas: [await make()] })).rejects.toThrow('a trusted CA must be');
});
