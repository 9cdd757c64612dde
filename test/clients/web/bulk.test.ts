// @module-tag full

import { describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { SLOW, reportsOf, useFixture } from './fixture';

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, at) => from + at);

describe.skipIf(!browserProgram)('many messages at once, in Chromium', () => {
  const fixture = useFixture();

  const arrived = async () => (await fixture.arrived()).map(({ body }) => body.Data as number);
  const track = (count: number) => `for (let n = 0; n < ${count}; n++) hub.track(n)`;

  test('10,000 in one loop all arrive, once and in order', async () => {
    const page = await fixture.openClient(fixture.context);
    await page.evaluate(track(10_000));
    await page.evaluate('hub.flush()');
    expect(await arrived()).toEqual(numbers(10_000));
    expect(await page.evaluate('hub.dropped')).toBe(0);
    expect(fixture.proxy.posts).toHaveLength(100);
  });

  test('1,200 of which some are throttled all arrive', async () => {
    const page = await fixture.openClient(fixture.context);
    const { admin } = fixture.stack.emulator;
    admin.armFault({ target: 'telemetry', kind: 'throttle', retryAfterSeconds: 1 });
    await page.evaluate(track(1_200));
    await expect.poll(async () => (await reportsOf(page)).map(({ name }) => name), SLOW).toContain('retry');
    admin.clearFaults();
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(1_200);
    expect(await arrived()).toEqual(numbers(1_200));
    expect(await page.evaluate('hub.dropped')).toBe(0);
  });

  test.each([
    [
      'without storage',
      `Object.defineProperty(window, 'indexedDB', { value: undefined }); Storage.prototype.setItem = () => { throw new Error('full') };`,
    ],
    ['with IndexedDB', ''],
  ])('1,200 while offline, %s: keeps the newest 1,000 and reports the others', async (_, before) => {
    const page = await fixture.openClient(fixture.context, {}, before);
    await fixture.context.setOffline(true);
    await page.evaluate(track(1_200));
    await expect.poll(() => page.evaluate('hub.dropped'), SLOW).toBe(200);
    await page.evaluate('hub.track(1200)');
    await expect.poll(() => page.evaluate('hub.dropped'), SLOW).toBe(201);
    const full = (await reportsOf(page)).filter(({ name }) => name === 'rejected');
    expect(full.map(({ deviceMessage }) => deviceMessage)).toEqual(numbers(201));
    expect(new Set(full.map(({ code }) => code))).toEqual(new Set(['queue_full']));
    await fixture.context.setOffline(false);
    await expect.poll(async () => (await arrived()).length, SLOW).toBe(1_000);
    expect(await arrived()).toEqual(numbers(1_000, 201));
  });
});
