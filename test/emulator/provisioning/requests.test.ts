/** Requests that only a faulty client sends, and names that a hub and the service share. */

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connected, startHub, type TestHub } from '../hub';
import { asService, register } from './provisioningRequests';

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const attestation = {
  type: 'symmetricKey' as const,
  symmetricKey: { primaryKey: key(1), secondaryKey: key(2) },
};

let hub: TestHub;
beforeAll(async () => {
  const seed = {
    provisioning: {
      enrollments: [{ registrationId: 'fridge', attestation }],
      enrollmentGroups: [{ enrollmentGroupId: 'shops', attestation }],
    },
  };
  hub = await startHub({ provisioning: true, seed });
});
afterAll(() => hub.close());

const service = (method: string, path: string, body?: object) => asService(hub.emulator, method, path, body);

test("connects a device whose id is 'registrations' to the hub", async () => {
  const deviceKey = await hub.register('registrations');
  const { default: mqtt } = await import('mqtt');
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
