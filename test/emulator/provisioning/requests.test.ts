/** Requests that only a faulty client sends, and names that a hub and the service share. */

import { createHmac } from 'node:crypto';
import mqtt, { type IClientOptions } from 'mqtt';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROVISIONING } from '../../../emulator/index';
import { closed, connected, sasToken, startHub, type TestHub } from '../hub';
import {
  asService,
  register,
  sendTo,
  testAttestation as attestation,
  testKey as key,
  VERSION,
} from './provisioningRequests';

let hub: TestHub;
const lines: string[] = [];
beforeAll(async () => {
  const seed = {
    provisioning: {
      enrollments: [{ registrationId: 'fridge', attestation }],
      enrollmentGroups: [{ enrollmentGroupId: 'shops', attestation }],
    },
  };
  const log = (line: string) => lines.push(line);
  hub = await startHub({ provisioning: true, seed, log, logLevel: 'debug', allowedHosts: ['.example'] });
});
afterAll(() => hub.close());

const service = (method: string, path: string, body?: object) => asService(hub.emulator, method, path, body);

test("connects a device whose id is 'registrations' to the hub", async () => {
  const deviceKey = await hub.register('registrations');
  for (const slash of ['', '/']) {
    const username = `${hub.emulator.hostName}/registrations${slash}?api-version=2021-04-12`;
    const device = mqtt.connect(hub.mqttOptions('registrations', deviceKey, { username }));
    await connected(device);
    await device.endAsync();
  }
});

test('a bulk operation has at most 10 enrollments', async () => {
  const { status, json } = await service('POST', '/enrollments', {
    mode: 'create',
    enrollments: Array(11).fill(0),
  });
  expect(status).toBe(400);
  expect(json.message).toContain('at most 10');
});

test.each([{ toString: 1, valueOf: 1 }, 7, ['*'], ''])(
  'the ETag %j in a bulk operation matches nothing',
  async (etag) => {
    const enrollments = [{ registrationId: 'fridge', attestation, etag }];
    for (const mode of ['updateIfMatchETag', 'delete']) {
      const { status, json } = await service('POST', '/enrollments', { mode, enrollments });
      expect([status, json.errors]).toMatchObject([200, [{ registrationId: 'fridge', errorCode: 412_000 }]]);
    }
  },
);

test.each(['a/b', ' ', 'a'.repeat(129), 'ä', '-a'])('a group does not register the id %j', async (id) => {
  const derived = createHmac('sha256', Buffer.from(key(1), 'base64'))
    .update(id)
    .digest('base64');
  const { status, json } = await register(hub.emulator, id, derived);
  expect([status, json.message]).toEqual([400, 'The registration id is not valid.']);
});

/** A device that connects to the service over MQTT. */
function connectToService(options: IClientOptions = {}) {
  const resource = `${PROVISIONING.idScope}/registrations/fridge`;
  return mqtt.connect(
    hub.mqttOptions('fridge', '', {
      username: `${resource}/api-version=2019-03-31`,
      password: sasToken(resource, key(1)),
      ...options,
    }),
  );
}

test.each([
  [PROVISIONING.globalHostName, true],
  [PROVISIONING.hostName, true],
  ['gateway.example', true],
  ['hubfront.azure-devices.localhost', false],
  ['evil.test', false],
])('over MQTT, a device reaches the service by the TLS name %s: %s', async (servername, isAllowed) => {
  const device = connectToService({ servername, checkServerIdentity: () => undefined } as IClientOptions);
  if (isAllowed) await connected(device);
  else await expect(connected(device)).rejects.toThrow('Not authorized');
  await device.endAsync(true);
});

test('a device that registers over MQTT is none of a hub, but is logged without its token', async () => {
  const refused = connectToService({ password: 'secret' });
  await expect(connected(refused)).rejects.toThrow('Not authorized');
  await refused.endAsync(true);
  const device = connectToService();
  await connected(device);
  hub.emulator.admin.recreateHub();
  expect(hub.emulator.admin.state().connections.mqtt).toBe(0);
  await device.subscribeAsync('$dps/registrations/res/#');
  const response = new Promise((resolve) => device.once('message', resolve));
  const register = '$dps/registrations/PUT/iotdps-register/?$rid=7';
  await device.publishAsync(register, '{"payload":"secret"}', { qos: 1 });
  expect(await response).toMatch(/res\/202\/\?\$rid=7/);
  const ended = closed(device);
  await device.endAsync();
  await ended;
  const log = lines.join('\n');
  expect(log).toMatch(/debug mqtts \S+ CONNECT 'fridge' for provisioning: accepted$/m);
  expect(log).toMatch(/debug mqtts \S+ CONNECT 'fridge' for provisioning: refused with code 5$/m);
  expect(log).toMatch(/debug mqtts \S+ registration 'fridge': register, 202$/m);
  expect(log).not.toMatch(/secret|sig=/);
});

test('names what is missing if a device registers with a certificate', async () => {
  const { private: tlsKey, cert } = await generate([{ name: 'commonName', value: 'fridge' }], {
    keyType: 'ec',
    algorithm: 'sha256',
  });
  const certificate = { key: tlsKey, cert };
  const path = `/${PROVISIONING.idScope}/registrations/fridge/register?${VERSION}`;
  const { status, json } = await sendTo(hub.emulator, 'PUT', path, { certificate });
  expect([status, json.message]).toEqual([501, expect.stringContaining('x509')]);
  const device = connectToService({ ...certificate, password: undefined } as never);
  await connected(device);
  await device.subscribeAsync('$dps/registrations/res/#');
  const response = new Promise((resolve) => device.once('message', resolve));
  await device.publishAsync('$dps/registrations/PUT/iotdps-register/?$rid=1', '');
  expect(await response).toMatch(/res\/501\//);
  await device.endAsync();
});
