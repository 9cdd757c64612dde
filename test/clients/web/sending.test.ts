import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { DEVICE, SLOW, reportsOf, useFixture } from './fixture';
import type { Passed } from './proxy';
import { testEach } from '../../testSize';

const problem = (status: number, code: string) => ({ status, code });

describe.skipIf(!browserProgram)('the web client, in Chromium', () => {
  const fixture = useFixture();

  const open = (options?: object, before?: string) => fixture.openClient(fixture.context, options, before);
  const data = async () => (await fixture.arrived()).map(({ body }) => body.Data as unknown);
  const events = async (page: Page) =>
    (await reportsOf(page)).filter(({ name }) => name !== 'sending').map(({ name, code }) => [name, code]);

  test('sends a message with its properties, id and time, and reports that it was sent', async () => {
    const page = await open();
    const before = new Date().toISOString();
    const id = await page.evaluate(
      `hub.track({ event: 'x', text: 'ゆき 😀' }, { properties: { Level: 'high' } })`,
    );
    await page.evaluate('hub.flush()');
    const message = {
      messageId: id,
      properties: { Level: 'high' },
      body: { Data: { event: 'x', text: 'ゆき 😀' } },
    };
    expect(await fixture.arrived()).toMatchObject([message]);
    const [posted] = fixture.proxy.posts.flatMap(({ messages }) => messages);
    expect(new Date(posted?.createdAt ?? '').toISOString()).toBe(posted?.createdAt);
    const times = [before, posted?.createdAt, new Date().toISOString()];
    expect(times).toEqual([...times].sort());
    const report = {
      messageId: id,
      deviceMessage: { event: 'x', text: 'ゆき 😀' },
      code: '',
      retryIn: 0,
      beacon: false,
    };
    expect(await reportsOf(page)).toEqual([
      { name: 'sending', ...report, status: 0, cause: '' },
      { name: 'sent', ...report, status: 201, cause: 'HTTP 201' },
    ]);
  });

  test('keeps a message as it was when it was tracked', async () => {
    const page = await open();
    await page.evaluate(`const message = { n: 1 }; hub.track(message); message.n = 2; hub.flush()`);
    expect(await data()).toEqual([{ n: 1 }]);
  });

  test('packs 250 messages into three requests, in order', async () => {
    const page = await open({ batchTime: 600_000, batchSize: 1_000 });
    await page.evaluate('for (let n = 0; n < 250; n++) hub.track({ n })');
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual(Array.from({ length: 250 }, (_, n) => ({ n })));
    expect(fixture.proxy.posts.map(({ messages }) => messages.length)).toEqual([100, 100, 50]);
  });

  test('sends immediately when a batch is full, and sends waiting messages later', async () => {
    const page = await open({ batchTime: 600_000, batchSize: 3 });
    await page.evaluate('for (let n = 0; n < 3; n++) hub.track(n)');
    await expect.poll(data, SLOW).toEqual([0, 1, 2]);
    await page.close();
    const waiting = await open({ batchTime: 500 });
    await waiting.evaluate('hub.track(3)');
    await expect.poll(data, SLOW).toEqual([0, 1, 2, 3]);
  });

  test('sends messages as large as the hub accepts, one by one', { tags: 'full' }, async () => {
    const page = await open();
    await page.evaluate(
      `for (const n of [1, 2]) hub.track(n + 'ü'.repeat(120_000)); hub.track('small'); hub.flush()`,
    );
    expect((await data()).map((text) => String(text).slice(0, 5))).toEqual(['1üüüü', '2üüüü', 'small']);
  });

  test('reports what the hub rejects, does not send it again, and sends the rest', async () => {
    const page = await open();
    await page.evaluate(
      `hub.track('good'); hub.track('bad', { properties: { name: '😀' } }); hub.track('good too')`,
    );
    await page.evaluate('hub.flush()');
    expect(await data()).toEqual(['good', 'good too']);
    expect(await events(page)).toEqual([
      ['sent', ''],
      ['rejected', 'invalid_property'],
      ['sent', ''],
    ]);
    await page.evaluate('hub.flush()');
    expect(fixture.proxy.posts).toHaveLength(1);
  });

  test('with a key that the hub rejects, reports all messages as rejected', { tags: 'full' }, async () => {
    const page = await open({ deviceKey: Buffer.alloc(32, 9).toString('base64') });
    await page.evaluate(`hub.track(1); hub.track(2); hub.flush()`);
    expect(await events(page)).toEqual([
      ['rejected', 'device_unauthorized'],
      ['rejected', 'device_unauthorized'],
    ]);
  });

  testEach(1, [
    ['invalid_json', problem(400, 'invalid_json')],
    ['invalid_request', problem(400, 'invalid_request')],
    ['body_too_large', problem(413, 'body_too_large')],
  ])('finds the message for which the app refuses a whole request with %s', async (_, { status, code }) => {
    const page = await open({ batchTime: 600_000 });
    fixture.proxy.replace((response, { messages }) => {
      const isBad = messages.some(({ deviceMessage }) => deviceMessage === 13);
      const results = messages.map(({ messageId }) => ({ messageId, status: 'accepted' }));
      const headers = { ...response.headers, 'content-type': 'application/problem+json' };
      return isBad
        ? { status, headers, body: JSON.stringify({ code }) }
        : { ...response, body: JSON.stringify({ results }) };
    });
    await page.evaluate('for (let n = 0; n < 40; n++) hub.track(n)');
    await page.evaluate('hub.flush()');
    const final = (await reportsOf(page)).filter(({ name }) => name === 'sent' || name === 'rejected');
    expect(final.map(({ deviceMessage }) => deviceMessage)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    expect(final.filter(({ name }) => name === 'rejected')).toMatchObject([
      { deviceMessage: 13, code, status },
    ]);
    expect(fixture.proxy.posts.length).toBeLessThan(20);
  });

  testEach<[string, (response: Passed) => Passed | undefined]>(1, [
    ['with a status', (response) => ({ ...response, status: 403, body: 'Blocked' })],
    ['without CORS', () => ({ status: 403, headers: {}, body: 'Blocked' })],
    ['with 200', (response) => ({ ...response, status: 200, body: 'Blocked' })],
    ['by closing the connection', () => undefined],
  ])('a firewall that refuses one message %s does not stop the others', async (_, refuse) => {
    const page = await open();
    fixture.proxy.replace((response, { messages }) => {
      const results = messages.map(({ messageId }) => ({ messageId, status: 'accepted' }));
      const isBad = messages.some(({ deviceMessage }) => deviceMessage === 3);
      return isBad ? refuse(response) : { ...response, body: JSON.stringify({ results }) };
    });
    await page.evaluate('for (let n = 0; n < 6; n++) hub.track(n)');
    const sent = async () =>
      (await reportsOf(page)).filter(({ name }) => name === 'sent').map(({ deviceMessage }) => deviceMessage);
    await expect.poll(sent, SLOW).toEqual([0, 1, 2, 4, 5]);
    fixture.proxy.reset();
    await page.evaluate(`dispatchEvent(new Event('online'))`);
    await expect.poll(sent, SLOW).toEqual([0, 1, 2, 4, 5, 3]);
  });

  test.each([
    ['seconds', (): string => '3600', 3_000_000],
    ['a date', (): string => new Date(Date.now() + 3_600_000).toUTCString(), 3_000_000],
    ['years', (): string => '999999999', 3_000_000],
    ['infinity', (): string => 'Infinity', 3_000_000],
    ['a date of another clock', (): string => 'Fri, 01 Jan 2300 00:00:00 GMT', 3_000_000],
  ])(
    'sends nothing for as long as Retry-After says, in %s, but for an hour at most, also when it comes online',
    { tags: 'full' },
    async (_, retryAfter, atLeast) => {
      const page = await open();
      fixture.proxy.replace(({ headers }) => ({
        status: 429,
        headers: { ...headers, 'retry-after': retryAfter() },
        body: '',
      }));
      await page.evaluate(`hub.track('patient'); hub.flush()`);
      const { name, code, retryIn } = (await reportsOf(page)).at(-1) ?? {};
      expect([name, code]).toEqual(['retry', 'http_429']);
      expect(retryIn).toBeGreaterThan(atLeast);
      expect(retryIn).toBeLessThanOrEqual(3_600_000);
      await page.evaluate(`dispatchEvent(new Event('online')); hub.track('more'); hub.flush()`);
      expect(fixture.proxy.posts).toHaveLength(1);
    },
  );

  test('sends again after the time of Retry-After, and not before', async () => {
    const page = await open();
    let refusedAt = 0;
    let acceptedAfterMs = 0;
    fixture.proxy.replace((response, { messages }) => {
      if (refusedAt === 0) {
        refusedAt = performance.now();
        return { status: 429, headers: { ...response.headers, 'retry-after': '1' }, body: '' };
      }
      acceptedAfterMs = performance.now() - refusedAt;
      const results = messages.map(({ messageId }) => ({ messageId, status: 'accepted' }));
      return { ...response, body: JSON.stringify({ results }) };
    });
    await page.evaluate(`hub.track('patient'); hub.flush()`);
    await expect.poll(() => events(page)).toContainEqual(['sent', '']);
    expect(acceptedAfterMs).toBeGreaterThan(990); // timers and clocks round
  });

  test('sends again although its timers fire early and its storage is slow', { tags: 'full' }, async () => {
    const page = await open(
      {},
      `Object.defineProperty(navigator, 'onLine', { get: () => false });
      const { setTimeout: original } = window;
      window.setTimeout = (work, ms, ...all) => original(work, ms - 1, ...all);
      const { getAllKeys } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAllKeys = function () {
        const until = performance.now() + 20;
        while (performance.now() < until);
        return getAllKeys.call(this);
      };`,
    );
    fixture.proxy.replace((response, { messages }) => {
      if (fixture.proxy.posts.length <= 2) return { ...response, status: 503 };
      const results = messages.map(({ messageId }) => ({ messageId, status: 'accepted' }));
      return { ...response, body: JSON.stringify({ results }) };
    });
    await page.evaluate(`hub.track('late')`);
    await expect.poll(() => events(page)).toContainEqual(['sent', '']);
  });

  test(
    'counts messages as dropped that it cannot keep while the server is unreachable',
    { tags: 'full' },
    async () => {
      const page = await open({ maxQueued: 10, endpoint: 'http://localhost:1/api' });
      await page.evaluate('for (let n = 0; n < 25; n++) hub.track({ n })');
      await expect.poll(() => page.evaluate('hub.dropped'), SLOW).toBe(15);
      const dropped = (await reportsOf(page)).filter(({ name }) => name === 'rejected');
      expect(dropped.map(({ code, deviceMessage }) => [code, deviceMessage])).toEqual(
        Array.from({ length: 15 }, (_, n) => ['queue_full', { n }]),
      );
    },
  );

  testEach(1, [
    ['IndexedDB', ''],
    ['localStorage', `Object.defineProperty(window, 'indexedDB', { get() { throw new Error('none') } });`],
  ])('keeps its queue in %s across a reload, with the time of each message', async (_, before) => {
    const page = await open(
      { batchTime: 600_000 },
      `${before} Navigator.prototype.sendBeacon = () => false;`,
    );
    await page.evaluate('for (let n = 0; n < 15; n++) hub.track(n)');
    const until = await page.evaluate('new Date().toISOString()');
    await page.reload();
    const all = { endpoint: `${fixture.proxy.url}/api`, ...DEVICE };
    await page.evaluate(`Object.assign(window, createClient(${JSON.stringify(all)}))`);
    await page.evaluate(`hub.track(15); hub.flush()`);
    expect(await data()).toEqual(Array.from({ length: 16 }, (_, n) => n));
    const times = fixture.proxy.posts.flatMap(({ messages }) => messages).map(({ createdAt }) => createdAt);
    expect(times).toEqual([...times].sort());
    expect((await fixture.arrived()).map(({ createdAt }) => createdAt)).toEqual(times);
    expect([times[14], until, times[15]]).toEqual([times[14], until, times[15]].sort());
  });

  test(
    'sends the readable messages of a damaged queue, and reports the others',
    { tags: 'full' },
    async () => {
      const name = `hubfront ${fixture.proxy.url}/api ${DEVICE.deviceId} message `;
      const id = (n: number) => `01900000-0000-7000-8000-00000000000${n}`;
      const page = await open(
        {},
        `
      localStorage.setItem('${name}${id(1)}', '{"messageId":"${id(1)}","deviceMessage":1}');
      localStorage.setItem('${name}${id(2)}', '{"messageId":"${id(2)}","deviceMess');
      localStorage.setItem('${name}${id(3)}', '');
    `,
      );
      await page.evaluate(`hub.track(5); hub.flush()`);
      await expect.poll(data, SLOW).toEqual([1, 5]);
      const rejected = (await reportsOf(page)).filter((report) => report.name === 'rejected');
      expect(rejected.map(({ messageId }) => messageId).sort()).toEqual([id(2), id(3)]);
    },
  );

  test('as a classic script, is the global `hubfront`', { tags: 'full' }, async () => {
    fixture.site.page = `<!doctype html><link rel="icon" href="data:,"><script src="hubfront.js"></script><script>
      var hub = hubfront.createHubfront(${JSON.stringify({ endpoint: `${fixture.proxy.url}/api/`, ...DEVICE })});
      hub.track('classic');
      hub.flush();
    </script>`;
    await fixture.openPage(fixture.context);
    await expect.poll(data, SLOW).toEqual(['classic']);
  });
});
