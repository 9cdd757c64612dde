import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Shop, startShop } from '../../local/shop';
import { EXAMPLE_FILE, readSettingsFile } from '../../local/settingsFile';
import { KEY, type Stack, call, startStack } from '../stack';

let shop: Shop;
let stack: Stack;

const startOwnShop = () => startShop({ port: 0, keys: { registration: KEY, feed: KEY } });

beforeAll(async () => {
  shop = await startOwnShop();
  const { VISITOR_DEVICES = '', VISITOR_KEY = '' } = readSettingsFile(EXAMPLE_FILE) ?? {};
  stack = await startStack({ settings: { VISITOR_DEVICES, VISITOR_KEY } });
  shop.setApi(stack.host.url);
});
afterAll(async () => {
  await shop.close();
  await stack.close();
});

describe("the shop's server", () => {
  const visitor = { deviceId: `web-${'0'.repeat(36)}`, deviceKey: Buffer.alloc(32, 1).toString('base64') };
  const register = (body: unknown, origin?: string, { origin: server } = shop) =>
    call(`${server}/visitors`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: origin === undefined ? {} : { origin },
    });

  test('registers visitors of its own pages repeatedly, without devices', async () => {
    const devices = stack.emulator.admin.state().devices;
    const [first, second] = [await register(visitor, shop.origin), await register(visitor, shop.origin)];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.json.deviceId).toMatch(/^web-[a-z2-7]{26}$/);
    expect(first.json.deviceKey).not.toBe(visitor.deviceKey);
    expect(second.json).toEqual(first.json);
    expect(stack.emulator.admin.state().devices).toBe(devices);
  });

  test('registers devices if visitors are off', async () => {
    const [plain, other] = await Promise.all([startStack(), startOwnShop()]);
    other.setApi(plain.host.url);
    const foreign = { ...visitor, deviceKey: Buffer.alloc(32, 2).toString('base64') };
    const [first, taken] = [
      await register(visitor, other.origin, other),
      await register(foreign, other.origin, other),
    ];
    await other.close();
    await plain.close();
    expect([first.status, first.json]).toEqual([200, visitor]);
    expect(taken.status).toBe(409);
  });

  test.each([
    ['another origin', visitor, 'https://evil.example', 403],
    ['no origin', visitor, undefined, 403],
    ['an id that is none of a visitor', { ...visitor, deviceId: 'phone-1' }, undefined, 400],
    ['a short key', { ...visitor, deviceKey: 'AAAA' }, undefined, 400],
    ['no object', null, undefined, 400],
  ])('refuses %s', async (name, body, origin, status) => {
    const answer = await register(body, name === 'no origin' ? undefined : (origin ?? shop.origin));
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain(KEY);
  });

  test('serves only its pages, and no function key', async () => {
    for (const path of ['/', '/cart', '/products/162-spangle-bag', '/shop.js']) {
      const { status, text } = await call(shop.origin + path);
      expect(status).toBe(200);
      expect(text).not.toContain(KEY);
    }
    for (const path of ['/config.json', '/products.json', '/../package.json', '/products/a/b']) {
      expect((await call(shop.origin + path)).status).toBe(404);
    }
  });
});
