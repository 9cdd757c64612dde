import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserProgram, watchMessages } from '../browser';
import { SLOW, databaseName, reportsOf, useFixture } from './fixture';
import { testEach } from '../../testSize';

/** As a visitor closes a tab. */
const leave = (page: Page) =>
  Promise.all([page.waitForEvent('close'), page.close({ runBeforeUnload: true })]);
/** As when a visitor looks at another tab: Chromium without a window shows all. */
const hide = (page: Page, hidden = true) =>
  page.evaluate(`
    Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  `);
const HANGING = `IDBFactory.prototype.open = () => ({});`;

describe.skipIf(!browserProgram)('the web client in tabs, in Chromium', () => {
  const fixture = useFixture();

  const data = async () => (await fixture.arrived()).map(({ body }) => body.Data as unknown);
  const names = async (page: Page) =>
    (await reportsOf(page)).map(({ name, deviceMessage }) => `${name} ${deviceMessage as string}`);
  const open = (options?: object, before?: string) => fixture.openClient(fixture.context, options, before);

  test('one tab sends for all, and each gets the reports of its own messages', async () => {
    const [first, second] = [await open(), await open()];
    const posts = await Promise.all([first, second].map((page) => watchMessages(fixture.context, page)));
    await Promise.all([
      first.evaluate(`hub.track('a'); hub.flush()`),
      second.evaluate(`hub.track('b'); hub.flush()`),
    ]);
    expect((await data()).sort()).toEqual(['a', 'b']);
    expect(posts[1]).toEqual([]);
    expect(await names(second)).toEqual(['sending b', 'sent b']);
    await leave(first);
    await second.evaluate(`hub.track('c'); hub.flush()`);
    await expect.poll(data, SLOW).toContain('c');
  });

  test('several tabs that flush at the same time all resolve', { tags: 'full' }, async () => {
    const pages = [
      await open({ batchTime: 600_000 }),
      await open({ batchTime: 600_000 }),
      await open({ batchTime: 600_000 }),
    ];
    await Promise.all(
      pages.map((page, n) => page.evaluate(`hub.track(${n}); Promise.all([hub.flush(), hub.flush()])`)),
    );
    expect((await data()).sort()).toEqual([0, 1, 2]);
  });

  test('if a tab closes while it sends a large queue, another tab continues, and nothing is lost', async () => {
    const [first, second] = [await open(), await open()];
    await first.evaluate('for (let n = 0; n < 2000; n++) hub.track(n)');
    await expect.poll(() => fixture.proxy.posts.length, SLOW).toBeGreaterThan(2);
    await leave(first);
    await expect.poll(async () => new Set(await data()).size, SLOW).toBe(2000);
    await second.evaluate('hub.flush()');
  });

  test(
    'a tab whose storage hangs sends its own messages itself, and the others send theirs',
    { tags: 'full' },
    async () => {
      const [broken, sound] = [await open({}, HANGING), await open()];
      await Promise.all([
        broken.evaluate(`hub.track('broken'); hub.flush()`),
        sound.evaluate(`hub.track('sound'); hub.flush()`),
      ]);
      await expect.poll(async () => (await data()).sort(), SLOW).toEqual(['broken', 'sound']);
    },
  );

  test(
    'one that deletes the database while another is offline loses nothing that the other tracked',
    { tags: 'full' },
    async () => {
      const page = await open({ batchTime: 600_000 });
      await page.evaluate(`hub.track('a'); hub.track('b')`);
      const other = await fixture.openPage(fixture.context);
      const name = JSON.stringify(databaseName(`${fixture.proxy.url}/api`));
      const remove = () =>
        other.evaluate(`new Promise((done, fail) => {
        const request = indexedDB.deleteDatabase(${name});
        request.onsuccess = done; request.onerror = fail;
      }).then(() => undefined)`);
      await remove();
      await page.evaluate(`hub.track('c')`);
      await remove();
      await page.evaluate('hub.flush()');
      expect(await data()).toEqual(['a', 'b', 'c']);
    },
  );

  test("the visitor's clearing of the site's data does not stop the client", { tags: 'full' }, async () => {
    const page = await open({ batchTime: 600_000 });
    await page.evaluate(`hub.track('a')`);
    const session = await fixture.context.newCDPSession(page);
    await session.send('Storage.clearDataForOrigin', { origin: fixture.site.origin, storageTypes: 'all' });
    await page.evaluate(`hub.track('b'); hub.flush()`);
    expect(await data()).toEqual(expect.arrayContaining(['b']));
    expect(await names(page)).toEqual(expect.arrayContaining(['sent b']));
  });

  test('a tab without space for IndexedDB still sends', { tags: 'full' }, async () => {
    const page = await open({ batchTime: 600_000 });
    const session = await fixture.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: fixture.site.origin, quotaSize: 1 });
    await page.evaluate('for (let n = 0; n < 5; n++) hub.track("x".repeat(50_000) + n)');
    await page.evaluate('hub.flush()');
    expect((await data()).map((text) => String(text).at(-1))).toEqual(['0', '1', '2', '3', '4']);
    expect(await names(page)).not.toContain('rejected');
  });

  describe('hidden', () => {
    test('sends waiting messages immediately, and reads the results', async () => {
      const page = await open({ batchTime: 600_000 });
      await page.evaluate(`hub.track('a')`);
      await hide(page);
      await expect.poll(() => names(page), SLOW).toEqual(['sending a', 'sent a']);
      expect((await reportsOf(page)).at(-1)).toMatchObject({ status: 201, beacon: false });
      await hide(page, false);
      await page.evaluate(`hub.track('b'); hub.flush()`);
      expect(await data()).toEqual(['a', 'b']);
    });

    test(
      'before it knows whether it sends for all tabs, sends waiting messages soon after',
      { tags: 'full' },
      async () => {
        const page = await open(
          { batchTime: 600_000 },
          `const { request } = LockManager.prototype;
        let grant;
        const asked = new Promise((resolve) => { grant = resolve });
        LockManager.prototype.request = function (...options) {
          return asked.then(() => request.apply(this, options));
        };
        addEventListener('grant', grant);`,
        );
        await page.evaluate(`hub.track('a')`);
        await hide(page);
        await page.evaluate(`dispatchEvent(new Event('grant'))`);
        await expect.poll(() => names(page), SLOW).toEqual(['sending a', 'sent a']);
      },
    );

    test('keeps what the hub throttles at that moment', { tags: 'full' }, async () => {
      const page = await open({ batchTime: 600_000 });
      await page.evaluate(`hub.track('a')`);
      fixture.stack.emulator.admin.armFault({
        target: 'telemetry',
        kind: 'throttle',
        retryAfterSeconds: 1,
        times: 1,
      });
      await hide(page);
      await expect.poll(() => names(page), SLOW).toContain('retry a');
      await hide(page, false);
      await expect.poll(data, SLOW).toEqual(['a']);
    });

    test('lets another tab send', { tags: 'full' }, async () => {
      const [first, second] = [await open(), await open()];
      await first.evaluate(`hub.track('a'); hub.flush()`);
      await hide(first);
      const posts = await watchMessages(fixture.context, second);
      await first.evaluate(`hub.track('b')`);
      await expect.poll(data, SLOW).toEqual(['a', 'b']);
      expect(posts.some(({ kind }) => kind === 'post')).toBe(true);
    });
  });

  describe('closed', () => {
    test('sends waiting messages as a beacon, and the next visit does not send them again', async () => {
      const page = await open({ batchTime: 600_000 });
      await page.evaluate(`hub.track('a'); hub.track('b')`);
      await leave(page);
      await expect.poll(data, SLOW).toEqual(['a', 'b']);
      await (await open()).evaluate('hub.flush()');
      expect(await data()).toEqual(['a', 'b']);
    });

    testEach(1, [
      ['there is no sendBeacon', `delete Navigator.prototype.sendBeacon;`],
      ['sendBeacon refuses', `Navigator.prototype.sendBeacon = () => false;`],
      [
        'sendBeacon throws',
        `Navigator.prototype.sendBeacon = () => { throw new TypeError('of a privacy tool') };`,
      ],
    ])('while %s, keeps what waits for the next visit, and throws nothing', async (_, before) => {
      const page = await open({ batchTime: 600_000 }, before);
      await page.evaluate(`hub.track('a')`);
      await page.evaluate(`dispatchEvent(new Event('pagehide'))`);
      await leave(page);
      await (await open()).evaluate('hub.flush()');
      expect(await data()).toEqual(['a']);
    });

    test('in the same turn in which it tracks, loses nothing', { tags: 'full' }, async () => {
      const options = { batchTime: 600_000, batchSize: 1_000 };
      const page = await open(options, `Navigator.prototype.sendBeacon = () => false;`);
      await page
        .evaluate(`for (let n = 0; n < 300; n++) hub.track(n); location.href = '/left'`)
        .catch(() => undefined);
      await page.waitForURL('**/left');
      await (await open()).evaluate('hub.flush()');
      expect(await data()).toEqual(Array.from({ length: 300 }, (_, n) => n));
    });

    test(
      'with more messages than fit into a beacon, leaves the others to the next visit',
      { tags: 'full' },
      async () => {
        const page = await open({ batchTime: 600_000, batchSize: 1_000 });
        await page.evaluate('for (let n = 0; n < 50; n++) hub.track({ n, text: "x".repeat(4_000) })');
        await leave(page);
        await (await open()).evaluate('hub.flush()');
        await expect
          .poll(async () => (await data()).map((one) => (one as { n: number }).n).sort((a, b) => a - b), SLOW)
          .toEqual(Array.from({ length: 50 }, (_, n) => n));
      },
    );

    test(
      'while sending fails, keeps all messages with their times for the next visit',
      { tags: 'full' },
      async () => {
        const page = await open();
        await fixture.context.setOffline(true);
        const before = new Date().toISOString();
        await page.evaluate(`hub.track('a')`);
        await expect.poll(() => names(page), SLOW).toContain('retry a');
        const after = new Date().toISOString();
        await leave(page);
        await fixture.context.setOffline(false);
        await (await open()).evaluate(`hub.track('b'); hub.flush()`);
        expect(await data()).toEqual(['a', 'b']);
        const [a, b] = fixture.proxy.posts.flatMap(({ messages }) => messages);
        expect(a?.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        expect([before, a?.createdAt, after, b?.createdAt].sort()).toEqual([
          before,
          a?.createdAt,
          after,
          b?.createdAt,
        ]);
      },
    );
  });
});
