import { spawnSync } from 'node:child_process';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { DEVICE, type Report, SLOW, insecureOrigin, reportsOf, useFixture } from './fixture';
import { INVALID, REGISTER, VALID, literal } from './invalidOptions';

/** Runs a script where there is no page, with the built client as `createHubfront`. */
function runInNode(script: string): string {
  const code = `import { createHubfront } from './clients/web/dist/hubfront.mjs'; ${script}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

describe('the web client outside a page', () => {
  test('can be created, sends nothing, and does not keep the process alive', () => {
    const out = runInNode(`
      const requests = [];
      globalThis.fetch = (url) => { requests.push(url); return Promise.reject(new Error('none')); };
      const device = createHubfront(${JSON.stringify(VALID)});
      const visitor = createHubfront(${literal(REGISTER)});
      const returned = [];
      for (const hub of [device, visitor]) {
        hub.setConsent(true);
        const off = hub.on('sent', () => undefined);
        returned.push(hub.track({ event: 'x' }) === undefined, await hub.flush() === undefined, hub.consent, hub.deviceId === undefined, hub.dropped);
        hub.setConsent(false);
        off();
      }
      console.log(JSON.stringify([returned, requests]));
    `);
    expect(JSON.parse(out)).toEqual([[true, true, false, true, 0, true, true, false, true, 0], []]);
  });

  test('names the invalid option, without the device key', () => {
    const out = runInNode(`
      const tell = (options) => { try { createHubfront(options); return 'made'; } catch (error) { return [error.name, error.message]; } };
      console.log(JSON.stringify([${INVALID.map(([, options]) => `tell(${literal(options)})`).join()}]));
    `);
    const errors = JSON.parse(out) as [string, string][];
    for (const [at, [name, options, option]] of INVALID.entries()) {
      expect([name, errors[at]?.[0]]).toEqual([name, 'TypeError']);
      expect(errors[at]?.[1], name).toMatch(new RegExp(`^createHubfront: .*${option}`));
      const { deviceKey } = (options ?? {}) as { deviceKey?: string };
      if (deviceKey) expect(errors[at]?.[1]).not.toContain(deviceKey);
      expect(errors[at]?.[1]).not.toContain('secret');
    }
  });

  test('accepts valid options', () => {
    const valid = [
      VALID,
      { ...VALID, endpoint: 'http://localhost:7071/api/' },
      { ...VALID, endpoint: '/api' },
      { ...VALID, endpoint: 'https://[::1]:7071/api' },
      { ...VALID, batchSize: 1, batchTime: 0, maxQueued: 0, consent: false, register: undefined },
      { ...VALID, deviceId: "a-Z.%_*?!(),:=@$'" },
      REGISTER,
    ];
    expect(runInNode(`for (const options of [${valid.map(literal).join()}]) createHubfront(options);`)).toBe(
      '',
    );
  });
});

/** Faults of a browser or of other scripts on the page, as scripts that run before the client is made. */
const FAULTS: Record<string, string> = {
  'crypto.randomUUID is absent': `delete Crypto.prototype.randomUUID;`,
  'Web Locks are absent': `Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });`,
  'Web Locks reject': `LockManager.prototype.request = () => Promise.reject(new DOMException('no', 'SecurityError'));`,
  'Web Locks throw': `LockManager.prototype.request = () => { throw new DOMException('no', 'InvalidStateError') };`,
  'Web Locks never respond': `LockManager.prototype.request = () => new Promise(() => {});`,
  'Web Locks respond late': `const { request } = LockManager.prototype;
    LockManager.prototype.request = async function (...all) { await new Promise((go) => setTimeout(go, 1500)); return request.apply(this, all) };`,
  'BroadcastChannel is absent': `delete window.BroadcastChannel;`,
  'BroadcastChannel throws': `window.BroadcastChannel = class { constructor() { throw new DOMException('no', 'SecurityError') } };`,
  'AbortSignal.timeout is absent': `delete AbortSignal.timeout;`,
  'keepalive requests have no room': `const { fetch: original } = window;
    window.fetch = (url, init) => init.keepalive ? Promise.reject(new TypeError('Failed to fetch')) : original(url, init);`,
  'a tracing library adds a header': `const { fetch: original } = window;
    window.fetch = (url, init) => original(url, { ...init, headers: { ...init.headers, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' } });`,
  'tracing libraries add many headers': `const { fetch: original } = window;
    const traced = { baggage: 'a=b', 'sentry-trace': '1-2-0', tracestate: 'a=b', 'x-datadog-origin': 'rum', 'x-b3-traceid': '1', newrelic: 'x', 'elastic-apm-traceparent': '00' };
    window.fetch = (url, init) => original(url, { ...init, headers: new Headers({ ...init.headers, ...traced }) });`,
  'fetch throws at first': `const { fetch: original } = window;
    let calls = 0;
    window.fetch = (...all) => { if (calls++ < 2) throw new TypeError('blocked'); return original(...all) };`,
  'fetch returns no response at first': `const { fetch: original } = window;
    let calls = 0;
    window.fetch = (...all) => (calls++ ? original(...all) : Promise.resolve());`,
  'fetch returns an opaque response at first': `const { fetch: original } = window;
    let calls = 0;
    window.fetch = (url, init) => original(url, calls++ ? init : { method: 'HEAD', mode: 'no-cors' });`,
  'other tabs cannot be reached': `BroadcastChannel.prototype.postMessage = () => { throw new DOMException('no', 'DataCloneError') };`,
  'the clock jumps': `const { now } = Date;
    let calls = 0;
    Date.now = () => now() + [0, -4e10, 4e10][calls++ % 3];`,
  'other scripts change the JSON of lists': `Array.prototype.toJSON = function () { return JSON.stringify([...this]) };`,
  'the page adds a property to all objects': `Object.prototype.results = [{ status: 'accepted' }];`,
};

describe.skipIf(!browserProgram)('the web client, in Chromium', () => {
  const fixture = useFixture();

  const data = async () => (await fixture.arrived()).map(({ body }) => body.Data as unknown);
  const named = async (page: Page, name: string) =>
    (await reportsOf(page)).filter((report) => report.name === name);

  test(
    'sends each message once, in order, even if browser features are missing',
    { tags: 'full' },
    async () => {
      const cases = Object.entries(FAULTS).map(([name, before]) => ({
        name,
        before,
        options: { batchTime: 50 },
      }));
      const reports = await fixture.runCases<Report[]>(
        cases,
        `async ({ hub, reports, n: at }) => {
        for (const n of [1, 2, 3]) hub.track({ case: at, n });
        while (reports.filter(({ name }) => name === 'sent').length < 3) await new Promise((go) => setTimeout(go, 20));
        return reports;
      }`,
      );
      const arrived = (await data()) as { case: number; n: number }[];
      for (const [at, { name }] of cases.entries()) {
        expect([name, reports[name]?.filter((report) => report.name === 'rejected')]).toEqual([name, []]);
        expect([name, arrived.filter((one) => one.case === at).map(({ n }) => n)]).toEqual([name, [1, 2, 3]]);
      }
    },
  );

  test('reports a fetch that throws as a server that cannot be reached', { tags: 'full' }, async () => {
    const before = `window.fetch = () => { throw new TypeError('blocked') };`;
    const page = await fixture.openClient(fixture.context, {}, before);
    await page.evaluate(`hub.track('kept'); hub.flush()`);
    expect((await named(page, 'retry'))[0]).toMatchObject({
      code: 'unreachable',
      cause: 'TypeError: blocked',
    });
  });

  test('sends from an origin that is not secure', { tags: 'full' }, async () => {
    const page = await fixture.context.newPage();
    await page.goto(insecureOrigin(fixture.site));
    expect(
      await page.evaluate('[window.isSecureContext, "locks" in navigator, "randomUUID" in crypto]'),
    ).toEqual([false, false, false]);
    await page.evaluate(
      `Object.assign(window, createClient(${JSON.stringify({ endpoint: `${fixture.proxy.url}/api`, ...DEVICE })}))`,
    );
    await page.evaluate(`hub.track('insecure'); hub.flush()`);
    expect(await data()).toEqual(['insecure']);
  });

  test('sends from a sandboxed frame, which has no storage and no origin', { tags: 'full' }, async () => {
    fixture.proxy.replace((response, { messages }) => ({
      ...response,
      body: JSON.stringify({ results: messages.map(({ messageId }) => ({ messageId, status: 'accepted' })) }),
    }));
    const script = await (await fetch(`${fixture.site.origin}/hubfront.js`)).text();
    const page = await fixture.openPage(fixture.context);
    const sent = await page.evaluate<unknown[]>(`new Promise((resolve) => {
      addEventListener('message', ({ data }) => resolve(data));
      const frame = document.createElement('iframe');
      frame.sandbox = 'allow-scripts';
      frame.srcdoc = '<script>' + ${JSON.stringify(script)} + '</' + 'script><script>(' + (async (options) => {
        const events = [];
        onerror = (message) => events.push(message);
        onunhandledrejection = ({ reason }) => events.push(String(reason));
        const hub = hubfront.createHubfront(options);
        hub.on('sent', ({ deviceMessage }) => events.push(deviceMessage));
        hub.track('framed');
        await hub.flush();
        dispatchEvent(new Event('pagehide'));
        parent.postMessage(events, '*');
      }) + ')(' + ${JSON.stringify(JSON.stringify({ endpoint: `${fixture.proxy.url}/api`, ...DEVICE }))} + ')</' + 'script>';
      document.body.append(frame);
    })`);
    expect(sent).toEqual(['framed']);
  });

  test('does not throw from track for any argument', { tags: 'full' }, async () => {
    const page = await fixture.openClient(fixture.context, { batchTime: 600_000 });
    const ids = await page.evaluate<string[]>(`(() => {
      const circular = {}; circular.circular = circular;
      return [
        hub.track(circular), hub.track(1n), hub.track(() => 1), hub.track(Symbol('x')),
        hub.track({ toJSON() { throw new Error('toJSON') } }), hub.track({ toJSON() { return undefined } }),
        hub.track({ get x() { throw new Error('getter') } }), hub.track('x'.repeat(300_000)),
        hub.track('p', { properties: { get x() { throw new Error('getter') } } }),
        hub.track(undefined), hub.track(null), hub.track('null options', null), hub.track('text options', 'x'),
        hub.track('lone surrogate \\ud800'), hub.track({ __proto__: null, deep: [[[{}]]] }), hub.track(new Date(NaN)),
      ];
    })()`);
    expect(new Set(ids).size).toBe(16);
    await page.evaluate('hub.flush()');
    expect((await named(page, 'rejected')).map(({ code }) => code)).toEqual([
      ...Array(7).fill('not_json'),
      'message_too_large',
      'not_json',
    ]);
    expect(await data()).toEqual([
      null,
      null,
      'null options',
      'text options',
      'lone surrogate \ud800',
      { deep: [[[{}]]] },
      null,
    ]);
  });

  test('a listener that throws stops neither the others nor the client', { tags: 'full' }, async () => {
    const page = await fixture.openClient(fixture.context);
    await page.evaluate(`for (const name of ['sending', 'sent']) hub.on(name, () => { throw new Error('of the page') });
      const after = hub.on('sent', () => { window.heard = true }); hub.on('sent', 'no function');
      hub.track('heard'); hub.flush()`);
    await expect.poll(() => page.evaluate('window.heard'), SLOW).toBe(true);
    expect(await data()).toEqual(['heard']);
  });

  test('ids of many messages are unique, and sort in the order of creation', { tags: 'full' }, async () => {
    const page = await fixture.openPage(fixture.context);
    const ids = await page.evaluate<string[]>(`(() => {
      const { hub } = createClient({ endpoint: '/api', deviceId: 'x', deviceKey: 'y', batchTime: 600000 });
      return Array.from({ length: 20_000 }, () => hub.track(0));
    })()`);
    expect(new Set(ids).size).toBe(20_000);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Math.abs(parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(
      600_000,
    );
  });
});
