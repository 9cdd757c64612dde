import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, KEY, type Stack, post, startStack } from '../stack';

const SECRET = Buffer.alloc(32, 'visitor-secret-1').toString('base64');
const OTHER_SECRET = Buffer.alloc(32, 'visitor-secret-2').toString('base64');
const FORM = /^web-[a-z2-7]{26}$/;
const PROPERTY = 'hubfront-visitor';

interface Visitor {
  deviceId: string;
  deviceKey: string;
}

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    settings: { VISITOR_DEVICES: '4', VISITOR_KEY: SECRET, VISITOR_BLOCKLIST: 'web-aaaa, web-bbbb' },
  });
});
afterAll(() => stack.close());

const registering = (body: object, at = stack): Promise<Answer> =>
  post(`${at.host.url}/api/devices`, body, { 'x-functions-key': KEY });

function visitorOf({ json }: Answer): Visitor {
  const { deviceInfo } = json;
  return { deviceId: deviceInfo.deviceId, deviceKey: deviceInfo.authentication.symmetricKey.primaryKey };
}
const newVisitor = async (at = stack): Promise<Visitor> =>
  visitorOf(await registering({ deviceKey: randomBytes(32).toString('base64') }, at));
/** Those that count against the hub's throttles of registrations and sends. */
const requests = () => {
  const { registry, telemetry } = stack.emulator.admin.state().requests;
  return { registry, telemetry };
};

describe('a visitor', () => {
  test('registers without a call to the hub, and is the same one for the same proposal', async () => {
    const before = requests();
    const deviceKey = randomBytes(32).toString('base64');
    const [first, again] = [await registering({ deviceKey }), await registering({ deviceKey })];
    expect([first.status, again.json]).toEqual([201, first.json]);
    expect(first.json).toMatchObject({
      hostName: stack.emulator.hostName,
      deviceInfo: { deviceId: expect.stringMatching(FORM) as string, status: 'enabled' },
    });
    expect(first.text).not.toContain(deviceKey);
    const random = [await registering({}), await registering({})].map(visitorOf);
    expect(random[0]?.deviceId).not.toBe(random[1]?.deviceId);
    expect(requests()).toEqual(before);
  });

  test('sends through a gateway, and the feed names both', async () => {
    const visitor = await newVisitor();
    const { json } = await stack.feed({ after_offset: '@latest' });
    const createdAt = '2026-11-26T08:30:00.000Z';
    const sent = await stack.send({
      ...visitor,
      deviceMessage: { n: 1 },
      properties: { Level: 'high' },
      createdAt,
    });
    expect([sent.status, sent.json.Data]).toEqual([
      201,
      `1 message(s) from ${visitor.deviceId} sent successfully`,
    ]);
    const messages = [{ deviceMessage: 2 }, { deviceMessage: 3, messageId: 'ü' }, { deviceMessage: 4 }];
    expect((await stack.send({ ...visitor, messages })).status).toBe(207);
    const feed = await stack.feed({ after_offset: json.next_offset });
    expect(feed.json.messages.map((m: any) => m.body)).toEqual(
      [{ n: 1 }, 2, 4].map((Data) => ({ deviceId: visitor.deviceId, Data })),
    );
    for (const message of feed.json.messages) {
      expect(message).toMatchObject({
        deviceId: visitor.deviceId,
        gatewayDeviceId: expect.stringMatching(/^web-gateway-0[0-3]$/) as string,
      });
      expect(message.properties).not.toHaveProperty(PROPERTY);
    }
    expect(feed.json.messages[0]).toMatchObject({ createdAt, properties: { Level: 'high' } });
    const cloudEvents = await stack.feedAt(`?after_offset=${json.next_offset}`, {
      accept: 'application/cloudevents-batch+json',
    });
    expect(JSON.parse(cloudEvents.text)[0]).toMatchObject({
      subject: `devices/${visitor.deviceId}`,
      gatewaydeviceid: feed.json.messages[0].gatewayDeviceId as string,
    });
  });

  test(
    'needs no registry once its gateway exists, and shares sends with others',
    { tags: 'full' },
    async () => {
      const visitors = await Promise.all(Array.from({ length: 100 }, () => newVisitor()));
      await Promise.all(visitors.map((visitor) => stack.send({ ...visitor, deviceMessage: 0 })));
      const before = requests();
      const { json } = await stack.feed({ after_offset: '@latest' });
      const answers = await Promise.all(
        visitors.flatMap((visitor) =>
          [1, 2].map((n) =>
            stack.send({ ...visitor, deviceMessage: n, messageId: `${visitor.deviceId}-${n}` }),
          ),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      const after = requests();
      expect(after.registry).toBe(before.registry);
      expect(after.telemetry - before.telemetry).toBeLessThan(answers.length);
      const feed = await stack.feed({ after_offset: json.next_offset, limit: 10_000 });
      const ids = feed.json.messages.map((m: any) => `${m.deviceId}-${m.body.Data}`);
      expect(ids.sort()).toEqual(
        visitors.flatMap(({ deviceId }) => [`${deviceId}-1`, `${deviceId}-2`]).sort(),
      );
    },
  );

  test('keeps the order of its messages', async () => {
    const visitor = await newVisitor();
    const { json } = await stack.feed({ after_offset: '@latest' });
    for (let n = 0; n < 20; n += 1) await stack.send({ ...visitor, deviceMessage: n });
    const feed = await stack.feed({ after_offset: json.next_offset });
    expect(feed.json.messages.map((m: any) => m.body.Data)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test('sends at once, however short the time since the last send is', async () => {
    const sender = { deviceId: 'lone', deviceKey: randomBytes(32).toString('base64') };
    await registering(sender);
    const visitor = await newVisitor();
    const timeOf = async (each: Visitor): Promise<number> => {
      await stack.send({ ...each, deviceMessage: 0 });
      const started = performance.now();
      for (let n = 0; n < 10; n += 1) await stack.send({ ...each, deviceMessage: n });
      return performance.now() - started;
    };
    const ratios: number[] = [];
    for (let n = 0; n < 5; n += 1) ratios.push((await timeOf(visitor)) / (await timeOf(sender)));
    expect(Math.min(...ratios)).toBeLessThan(3);
  });

  test('survives the deletion of its gateway, and a change of its keys', async () => {
    const visitor = await newVisitor();
    await stack.send({ ...visitor, deviceMessage: 1 });
    stack.emulator.admin.recreateHub({ keepDevices: false });
    expect((await stack.send({ ...visitor, deviceMessage: 2 })).status).toBe(201);
  });

  test('is limited in its requests', { tags: 'full' }, async () => {
    const visitor = await newVisitor();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => stack.send({ ...visitor, deviceMessage: 1 })),
    );
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(0);
    expect([limited[0]?.json.code, Number(limited[0]?.headers.get('retry-after')) > 0]).toEqual([
      'rate_limited',
      true,
    ]);
    expect((await stack.send({ ...(await newVisitor()), deviceMessage: 1 })).status).toBe(201);
  });
});

describe('forgery', () => {
  const rejected = async (sender: Visitor): Promise<void> => {
    const before = requests();
    const { status, json } = await stack.send({ ...sender, deviceMessage: 1 });
    expect([status, json.code]).toEqual([401, 'device_unauthorized']);
    expect(requests()).toEqual(before);
  };

  test('a key of another visitor, secret or version, and a proposal, are no keys', async () => {
    const [visitor, other] = [await newVisitor(), await newVisitor()];
    await rejected({ ...visitor, deviceKey: other.deviceKey });
    const key = Buffer.from(visitor.deviceKey, 'base64');
    await rejected({
      ...visitor,
      deviceKey: Buffer.concat([Buffer.from([2]), key.subarray(1)]).toString('base64'),
    });
    await rejected({ ...visitor, deviceKey: key.subarray(1).toString('base64') });
    const deviceKey = randomBytes(32).toString('base64');
    await rejected({ deviceId: visitorOf(await registering({ deviceKey })).deviceId, deviceKey });
  });

  test("nobody registers another visitor's id, or a gateway's", async () => {
    const visitor = await newVisitor();
    const deviceKey = randomBytes(32).toString('base64');
    const before = requests();
    for (const [deviceId, ...refusal] of [
      [visitor.deviceId, 400, 'invalid_device_id'],
      [`web-${'a'.repeat(26)}`, 400, 'invalid_device_id'],
      ['web-gateway-00', 409, 'device_exists'],
      ['web-gateway-99', 409, 'device_exists'],
      ['Web-Gateway-00', 409, 'device_exists'],
    ] as const) {
      for (const body of [{ deviceId }, { deviceId, deviceKey }]) {
        const { status, json, text } = await registering(body);
        expect([status, json.code]).toEqual(refusal);
        expect(text).not.toContain(visitor.deviceKey);
      }
    }
    expect(requests()).toEqual(before);
    await rejected({ deviceId: 'web-gateway-00', deviceKey });
  });

  test('an ordinary device cannot name a visitor', async () => {
    const visitor = await newVisitor();
    const deviceKey = randomBytes(32).toString('base64');
    expect((await registering({ deviceId: 'web-ordinary', deviceKey })).status).toBe(201);
    const properties = { [PROPERTY]: visitor.deviceId };
    const sent = await stack.send({ deviceId: 'web-ordinary', deviceKey, deviceMessage: 1, properties });
    expect([sent.status, sent.json.code]).toEqual([400, 'invalid_property']);
    const asVisitor = await stack.send({ ...visitor, deviceMessage: 1, properties });
    expect([asVisitor.status, asVisitor.json.code]).toEqual([400, 'invalid_property']);
  });

  test(
    'visitors of another secret are strangers, but for a secret that is being replaced',
    { tags: 'full' },
    async () => {
      const visitor = await newVisitor();
      for (const [VISITOR_KEY, status] of [
        [OTHER_SECRET, 401],
        [`${OTHER_SECRET},${SECRET}`, 201],
      ] as const) {
        const other = await startStack({ settings: { VISITOR_DEVICES: '1', VISITOR_KEY } });
        expect((await other.send({ ...visitor, deviceMessage: 1 })).status).toBe(status);
        await other.close();
      }
    },
  );
});

test('without visitors, a device id is required', async () => {
  const plain = await startStack();
  const { status, json } = await registering({}, plain);
  expect([status, json.code]).toEqual([400, 'invalid_request']);
  await plain.close();
});

test('what visitors have sent keeps their ids after they are turned off', async () => {
  const visitor = await newVisitor();
  const { json } = await stack.feed({ after_offset: '@latest' });
  expect((await stack.send({ ...visitor, deviceMessage: 1 })).status).toBe(201);
  await stack.restartHost({ VISITOR_DEVICES: '0' });
  const feed = await stack.feed({ after_offset: json.next_offset });
  const gatewayDeviceId = expect.stringMatching(/^web-gateway-0[0-3]$/) as string;
  expect(feed.json.messages).toMatchObject([{ deviceId: visitor.deviceId, gatewayDeviceId, properties: {} }]);
  await stack.restartHost();
});

test(
  "without visitors, gateways' ids are reserved too: visitors may be turned on later",
  { tags: 'full' },
  async () => {
    const plain = await startStack({ settings: { VISITOR_ID_PREFIX: 'v-' } });
    const deviceKey = randomBytes(32).toString('base64');
    for (const [deviceId, status] of [
      ['v-gateway-00', 409],
      ['v-gateway-255', 409],
      ['web-gateway-00', 201],
    ] as const) {
      expect((await registering({ deviceId, deviceKey }, plain)).status).toBe(status);
    }
    await plain.close();
  },
);
