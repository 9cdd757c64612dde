import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { KEY } from '../../stack';
import { browserProgram } from '../browser';
import { DEVICE, SLOW, reportsOf, useFixture } from './fixture';
import { testEach } from '../../testSize';

/** Timeouts of the client come this much sooner. */
const FAST_TIMERS = `const { setTimeout: original } = window; window.setTimeout = (work, ms, ...all) => original(work, ms / 50, ...all);`;

describe.skipIf(!browserProgram)("the web client's device, in Chromium", () => {
  const fixture = useFixture();

  const data = async () => (await fixture.arrived()).map(({ body }) => body.Data as unknown);
  const last = async (page: Page) => (await reportsOf(page)).at(-1);

  /** A page with a client whose `register` is this code; `proposals` is what it was called with. */
  async function openVisitor(register: string, before?: string, options = ''): Promise<Page> {
    const page = await fixture.context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    if (before) await page.addInitScript(before);
    await page.exposeFunction('registerDevice', async ({ deviceId, deviceKey }: typeof DEVICE) => {
      await fixture.stack.register(deviceId, deviceKey);
    });
    await page.goto(fixture.site.origin);
    await page.evaluate(`(() => {
      window.proposals = [];
      const register = ${register};
      Object.assign(window, createClient({
        endpoint: '${fixture.proxy.url}/api', batchTime: 50, ${options}
        register: (device) => { proposals.push(device); return register(device) },
      }));
    })()`);
    return page;
  }
  const REGISTERS = 'async (device) => { await registerDevice(device); return device }';

  test('registers once, also across a reload, and again if the hub does not know the device', async () => {
    let page = await openVisitor(REGISTERS);
    await page.evaluate(`hub.track(1); hub.flush()`);
    await page.close();
    page = await openVisitor(REGISTERS);
    await page.evaluate(`hub.track(2); hub.flush()`);
    expect(await data()).toEqual([1, 2]);
    expect(await page.evaluate('proposals')).toEqual([]);
    fixture.stack.emulator.admin.recreateHub();
    await page.evaluate(`hub.track(3); hub.flush()`);
    await expect.poll(async () => (await fixture.stack.feed()).json.messages.length, SLOW).toBe(1);
    expect(await page.evaluate('proposals.length')).toBe(1);
    expect(await page.evaluate('hub.deviceId === proposals[0].deviceId')).toBe(true);
    expect((await reportsOf(page)).map(({ name }) => name)).not.toContain('rejected');
  });

  testEach(2, [
    [
      'rejects with an error',
      `async () => { throw new Error('The registration failed: 401') }`,
      'Error: The registration failed: 401',
    ],
    ['throws at once', `() => { throw new RangeError('of the page') }`, 'RangeError: of the page'],
    ['rejects with a text', `() => Promise.reject('no visitors today')`, 'no visitors today'],
    ['rejects with an object', `() => Promise.reject({ status: 429 })`, '{"status":429}'],
    ['rejects with an object without text', `() => Promise.reject(Object.create(null))`, 'object'],
    ['rejects with a response', `async () => { throw await fetch('/nowhere') }`, '[object Response]'],
    [
      'resolves with nothing',
      `async () => undefined`,
      'TypeError: register must resolve with deviceId and deviceKey',
    ],
    [
      'resolves with null',
      `async () => null`,
      'TypeError: register must resolve with deviceId and deviceKey',
    ],
    [
      'returns no promise and no device',
      `() => ({ deviceId: 7 })`,
      'TypeError: register must resolve with deviceId and deviceKey',
    ],
  ])('reports why the device is not registered: register %s', async (_, register, cause) => {
    const page = await openVisitor(register);
    await page.evaluate(`hub.track('kept'); hub.flush()`);
    expect(await last(page)).toMatchObject({ name: 'retry', code: 'not_registered', status: 0, cause });
    expect(await page.evaluate('hub.deviceId')).toBeUndefined();
    await page.evaluate('registerNow = true').catch(() => undefined);
    await page.close();
    const again = await openVisitor(REGISTERS);
    await again.evaluate('hub.flush()');
    expect(await data()).toEqual(['kept']);
  });

  test('does not wait indefinitely for a registration', { tags: 'full' }, async () => {
    const page = await openVisitor('() => new Promise(() => {})', FAST_TIMERS);
    await page.evaluate(`hub.track('kept'); hub.flush()`);
    expect(await reportsOf(page)).toContainEqual(
      expect.objectContaining({
        name: 'retry',
        code: 'not_registered',
        cause: expect.stringContaining('30000 ms'),
      }),
    );
  });

  test(
    'a registration whose response is lost is repeated with the same device',
    { tags: 'full' },
    async () => {
      const page = await openVisitor(`async (device) => {
      await registerDevice(device);
      if (proposals.length === 1) throw new Error('lost');
      return device;
    }`);
      await page.evaluate(`hub.track('once')`);
      await expect.poll(data, SLOW).toEqual(['once']);
      expect(
        await page.evaluate('proposals.map(({ deviceId, deviceKey }) => deviceId + deviceKey)'),
      ).toHaveLength(2);
      expect(
        await page.evaluate('new Set(proposals.map(({ deviceId, deviceKey }) => deviceId + deviceKey)).size'),
      ).toBe(1);
    },
  );

  test('does not wait indefinitely for a request', { tags: 'full' }, async () => {
    const page = await fixture.openClient(
      fixture.context,
      {},
      `${FAST_TIMERS} window.fetch = () => new Promise(() => {});`,
    );
    await page.evaluate(`hub.track('kept'); hub.flush()`);
    expect(await reportsOf(page)).toContainEqual(
      expect.objectContaining({
        name: 'retry',
        code: 'unreachable',
        cause: expect.stringContaining('30000 ms'),
      }),
    );
  });

  test('distinguishes a missing server from one whose response is blocked', { tags: 'full' }, async () => {
    const nowhere = await fixture.openClient(fixture.context, { endpoint: 'http://localhost:1/api' });
    await nowhere.evaluate('hub.track(0); hub.flush()');
    expect(await last(nowhere)).toMatchObject({
      name: 'retry',
      code: 'unreachable',
      cause: 'TypeError: Failed to fetch',
    });
    // Without CORS headers, since no function answers there.
    const wrong = await fixture.openClient(fixture.context, { endpoint: `${fixture.proxy.url}/wrong` });
    await wrong.evaluate('hub.track(0); hub.flush()');
    expect(await last(wrong)).toMatchObject({
      name: 'retry',
      code: 'unreachable_cors',
      cause: expect.stringContaining('endpoint'),
    });
    await fixture.context.setOffline(true);
    await wrong.evaluate('hub.track(0); hub.flush()');
    await expect.poll(() => last(wrong), SLOW).toMatchObject({ name: 'retry', code: 'unreachable' });
    await fixture.context.setOffline(false);
  });

  test(
    'distinguishes a rejected function key from an unreachable registration',
    { tags: 'full' },
    async () => {
      const register = (url: string, key: string) => `async (device) => {
      const response = await fetch('${url}', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Functions-Key': '${key}' }, body: JSON.stringify(device) });
      if (!response.ok) throw new Error('HTTP ' + response.status);
      return device;
    }`;
      const url = `${fixture.stack.host.url}/api/devices`;
      const right = await openVisitor(register(url, KEY));
      await right.evaluate('hub.track(1); hub.flush()');
      expect(await last(right)).toMatchObject({ name: 'sent' });
      await right.evaluate('localStorage.clear()');
      await right.close();
      // The platform's 401 has no CORS headers, so a page sees no status. Through its own server it does.
      fixture.site.register = () => Promise.reject(new Error('HTTP 401'));
      const wrong = await openVisitor(register('/visitors', 'wrong'));
      await wrong.evaluate('hub.track(2); hub.flush()');
      expect(await last(wrong)).toMatchObject({ code: 'not_registered', cause: 'Error: HTTP 502' });
    },
  );

  describe('consent', () => {
    testEach(1, [
      ['Do Not Track', `Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })`],
      [
        'Global Privacy Control',
        `Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })`,
      ],
    ])('%s switches the client off, until the visitor agrees', async (_, before) => {
      const page = await fixture.openClient(fixture.context, {}, before);
      expect(await page.evaluate(`[hub.track('secret') === undefined, hub.consent]`)).toEqual([true, false]);
      await page.evaluate('hub.flush()');
      await page.evaluate(`hub.setConsent(true); hub.track('agreed')`);
      await page.evaluate('hub.flush()');
      expect(await data()).toEqual(['agreed']);
    });

    test('withdrawn, drops the queued messages of all tabs and reports them', async () => {
      const pages = [
        await fixture.openClient(fixture.context, { batchTime: 600_000 }),
        await fixture.openClient(fixture.context, { batchTime: 600_000 }),
      ];
      const [first, second] = pages as [Page, Page];
      await first.evaluate(`hub.track('a')`);
      await second.evaluate(`hub.track('b')`);
      await first.evaluate('hub.setConsent(false)');
      await expect.poll(() => second.evaluate('hub.consent'), SLOW).toBe(false);
      await expect
        .poll(
          async () =>
            new Set(
              (await Promise.all(pages.map(reportsOf)))
                .flat()
                .filter(({ name }) => name === 'rejected')
                .map(({ code, deviceMessage }) => `${code} ${deviceMessage as string}`),
            ),
          SLOW,
        )
        .toEqual(new Set(['consent_withdrawn a', 'consent_withdrawn b']));
      expect(await second.evaluate(`hub.track('c') === undefined`)).toBe(true);
      await second.evaluate(`hub.setConsent(true)`);
      await expect.poll(() => first.evaluate('hub.consent'), SLOW).toBe(true);
      await first.evaluate(`hub.track('d')`);
      await first.evaluate('hub.flush()');
      expect(await data()).toEqual(['d']);
    });

    test(
      'withdrawn during the registration, sends no earlier messages and keeps no device',
      { tags: 'full' },
      async () => {
        const page = await openVisitor(
          `async (device) => { await new Promise((go) => { window.go = go }); await registerDevice(device); return device }`,
        );
        await page.evaluate(`hub.track('before')`);
        await page.waitForFunction('window.go');
        await page.evaluate(`hub.setConsent(false); hub.setConsent(true); hub.track('after'); go()`);
        await expect.poll(() => page.evaluate('proposals.length'), SLOW).toBe(2);
        await page.evaluate('go()');
        await expect.poll(data, SLOW).toEqual(['after']);
        expect(await page.evaluate('proposals[0].deviceId === proposals[1].deviceId')).toBe(false);
        expect(await page.evaluate('hub.deviceId === proposals[1].deviceId')).toBe(true);
      },
    );

    test(
      'withdrawn during a request, reports its messages as withdrawn and does not send them again',
      { tags: 'full' },
      async () => {
        const page = await fixture.openClient(fixture.context);
        let respond = (): void => undefined;
        const held = new Promise<void>((resolve) => (respond = resolve));
        fixture.proxy.replace(async (response) => {
          await held;
          return { ...response, status: 503 };
        });
        await page.evaluate(`hub.track('under way')`);
        await expect.poll(() => fixture.proxy.posts.length, SLOW).toBe(1);
        await page.evaluate('hub.setConsent(false)');
        await expect
          .poll(() => last(page), SLOW)
          .toMatchObject({ name: 'rejected', code: 'consent_withdrawn' });
        await page.evaluate('hub.setConsent(true)');
        respond();
        await page.evaluate('hub.flush()');
        expect(fixture.proxy.posts).toHaveLength(1);
        expect((await reportsOf(page)).map(({ name }) => name)).toEqual(['sending', 'rejected']);
      },
    );

    test('missing in the tab that would send, lets another tab send', { tags: 'full' }, async () => {
      await fixture.openClient(fixture.context, { consent: false });
      const page = await fixture.openClient(fixture.context);
      await page.evaluate(`hub.track('agreed')`);
      await page.evaluate('hub.flush()');
      expect(await data()).toEqual(['agreed']);
    });
  });

  test('messages are never sent as another device than the one that tracked them', async () => {
    await fixture.stack.register('web-2', DEVICE.deviceKey);
    const page = await fixture.openClient(fixture.context, { batchTime: 600_000 });
    await page.evaluate(`hub.track('of web-1')`);
    await page.evaluate(
      `window.other = createClient(${JSON.stringify({ endpoint: `${fixture.proxy.url}/api`, ...DEVICE, deviceId: 'web-2' })}).hub; other.track('of web-2')`,
    );
    await page.evaluate('Promise.all([other.flush(), hub.flush()])');
    expect((await fixture.arrived()).map(({ deviceId, body }) => [deviceId, body.Data]).sort()).toEqual([
      ['web-1', 'of web-1'],
      ['web-2', 'of web-2'],
    ]);
  });
});
