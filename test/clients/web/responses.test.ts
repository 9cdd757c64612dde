// @module-tag full

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { DEVICE, type Fixture, type Report, startFixture } from './fixture';
import type { Fault, Passed } from './proxy';

const html = '<!doctype html><title>Sign in to the network</title>';
const as =
  (status: number, type: string, body: Passed['body'], more: Record<string, string> = {}): Fault =>
  ({ headers }) => ({ status, headers: { ...headers, 'content-type': type, ...more }, body });
const json = (body: unknown, status = 201): Fault => as(status, 'application/json', JSON.stringify(body));
/** The results of the app, changed. */
const results =
  (change: (list: { messageId: string; status: string }[]) => unknown): Fault =>
  ({ status, headers, body }) => {
    const answer = JSON.parse(Buffer.from(body as Uint8Array).toString());
    return { status, headers, body: JSON.stringify({ ...answer, results: change(answer.results) }) };
  };
const each = (change: (result: any, at: number) => unknown): Fault => results((list) => list.map(change));

/** Responses that say nothing of any message, though the app has accepted all three. */
const UNREADABLE: Record<string, Fault> = {
  'cut after 40 bytes, with the connection': (passed) => ({ ...passed, cutAfter: 40 }),
  'a 207 cut after 40 bytes, with the connection': (passed) => ({ ...passed, status: 207, cutAfter: 40 }),
  'cut after 40 bytes, and complete as HTTP': (passed) => ({
    ...passed,
    body: Buffer.from(passed.body as Uint8Array).subarray(0, 40),
  }),
  'cut in the last byte': (passed) => ({
    ...passed,
    body: Buffer.from(passed.body as Uint8Array).subarray(0, -1),
  }),
  'without any byte of its body': (passed) => ({ ...passed, cutAfter: 0 }),
  'no response at all': () => undefined,
  'an empty body': as(201, 'application/json', ''),
  'a 204': ({ headers }) => ({ status: 204, headers, body: '' }),
  "a captive portal's page with 200": as(200, 'text/html', html),
  "a captive portal's page that calls itself JSON": as(200, 'application/json', html),
  'a captive portal that redirects to its page': as(302, 'text/html', '', { location: '/portal' }),
  'gzip that is none': as(201, 'application/json', '{}', { 'content-encoding': 'gzip' }),
  'invalid UTF-8': as(201, 'application/json', Uint8Array.of(0x7b, 0x22, 0xff, 0xfe)),
  'a foreign object': json({ status: 'ok' }),
  'the text of success without results': json({ Data: '3 message(s) from web-1 sent successfully' }),
  null: json(null),
  'a list': json([{ status: 'accepted' }]),
  'a string': json('accepted'),
  'a number': json(201),
  true: json(true),
  'results that are null': json({ results: null }),
  'results that are an object': json({ results: { 0: { status: 'accepted' } } }),
  'results that are a string': json({ results: 'accepted' }),
  'results that are a number': json({ results: 3 }),
  'no result': json({ results: [] }),
  'results of null': json({ results: [null, null, null] }),
  'results that are strings': json({ results: ['accepted', 'accepted', 'accepted'] }),
  'results that are lists': each((result) => [result]),
  'results without ids': each(({ status }) => ({ status })),
  'ids that are null': each((result) => ({ ...result, messageId: null })),
  'ids that are numbers': each((result, at) => ({ ...result, messageId: at })),
  'ids in lists': each((result) => ({ ...result, messageId: [result.messageId] })),
  'ids in capitals': each((result) => ({ ...result, messageId: result.messageId.toUpperCase() })),
  'ids of other messages': each((result) => ({ ...result, messageId: `${result.messageId}0` })),
  'a status in capitals': each((result) => ({ ...result, status: 'ACCEPTED' })),
  'a status that is true': each((result) => ({ ...result, status: true })),
  'a status that is a number': each((result) => ({ ...result, status: 201 })),
  'a status in a list': each((result) => ({ ...result, status: ['accepted'] })),
  'a status that is null': each((result) => ({ ...result, status: null })),
  'an unknown status': each((result) => ({ ...result, status: 'queued' })),
  'no status': each(({ messageId }) => ({ messageId })),
  'results that contradict each other': results((list) => [
    ...list,
    ...list.map((result) => ({ ...result, status: 'rejected', code: 'invalid_property' })),
  ]),
  'the request itself': (passed, posted) => ({ ...passed, body: JSON.stringify(posted) }),
};

/** Errors from something on the way, which the app knows nothing of. */
const FOREIGN: Record<string, Fault> = Object.fromEntries(
  [
    400, 401, 403, 404, 405, 407, 408, 409, 410, 411, 413, 414, 415, 421, 422, 429, 431, 451, 500, 502, 503,
    504, 511,
  ].map((status) => [`a foreign ${status}`, as(status, 'text/html', html)]),
);
Object.assign(FOREIGN, {
  'a foreign 400 in JSON': json({ code: 'invalid_json' }, 400),
  'a foreign 413 in JSON': json({ code: 'body_too_large', results: [] }, 413),
  'a foreign 400 whose type mentions problem details': as(
    400,
    'text/plain; profile=application/problem+json',
    '{"code":"invalid_json"}',
  ),
  'a foreign 401 in problem details': as(401, 'application/problem+json', '{"code":"unauthenticated"}'),
  'problem details of a wrong device key': as(
    400,
    'application/problem+json',
    '{"code":"invalid_device_key"}',
  ),
  'problem details whose code is no string': as(400, 'application/problem+json', '{"code":["invalid_json"]}'),
});

/** Responses that say of the first message alone that it was accepted. */
const PARTIAL: Record<string, Fault> = {
  'results for the first message alone': results((list) => list.slice(0, 1)),
  'results of which the others are damaged': results((list) => [list[0], null, { status: 'accepted' }]),
  'results of which the others are for other messages': each((result, at) =>
    at === 0 ? result : { ...result, messageId: `other-${at}` },
  ),
  'results in which the others have to be sent again': each((result, at) =>
    at === 0 ? result : { ...result, status: 'retry', code: 'hub_throttled' },
  ),
  'an error status with a result for the first': (passed) => {
    const { results: list } = JSON.parse(Buffer.from(passed.body as Uint8Array).toString());
    return { ...passed, status: 503, body: JSON.stringify({ results: list.slice(0, 1) }) };
  },
};

/** Chromium itself may send these requests again, before the client learns of it. */
const REPEATED_BY_CHROMIUM = ['no response at all', 'a foreign 408', 'a foreign 421'];

const ALL = { ...UNREADABLE, ...FOREIGN, ...PARTIAL };

describe.skipIf(!browserProgram)('whatever a response says, in Chromium', () => {
  let fixture: Fixture;
  let page: Page;
  let reports: Record<string, Report[]>;
  let arrivals: Map<string, number>;

  /** One page with a client for each case, which all send at once. */
  beforeAll(async () => {
    fixture = await startFixture();
    await fixture.reset();
    const { proxy } = fixture;
    const names = Object.keys(ALL);
    for (const [at, fault] of Object.values(ALL).entries()) proxy.spoil(`/case${at}/`, fault);
    page = await fixture.openPage(await fixture.browser.newContext());
    reports = await page.evaluate<Record<string, Report[]>>(`(async () => {
      const names = ${JSON.stringify(names)};
      const clients = names.map((_, at) => createClient({
        endpoint: '${proxy.url}/case' + at + '/api', batchTime: 0, ...${JSON.stringify(DEVICE)},
      }));
      for (const { hub } of clients) for (const n of [1, 2, 3]) hub.track({ n });
      const isDone = ({ reports }) => reports.filter(({ name }) => name === 'sent').length >= 3;
      while (!clients.every(isDone)) await new Promise((resolve) => setTimeout(resolve, 20));
      return Object.fromEntries(names.map((name, at) => [name, clients[at].reports]));
    })()`);
    arrivals = new Map();
    for (const { messageId } of await fixture.arrived())
      arrivals.set(messageId, (arrivals.get(messageId) ?? 0) + 1);
  });
  afterAll(() => fixture.close());

  const first = (name: string) => {
    const list = reports[name] ?? [];
    const end = list.findIndex(
      ({ name: event }, at) => event === 'sending' && list[at - 1]?.name !== 'sending' && at > 0,
    );
    return list.slice(0, end).filter(({ name: event }) => event !== 'sending');
  };
  const sentOnce = (name: string) => {
    const sent = (reports[name] ?? []).filter(({ name: event }) => event === 'sent');
    expect(sent.map(({ deviceMessage }) => (deviceMessage as { n: number }).n).sort()).toEqual([1, 2, 3]);
    expect((reports[name] ?? []).map(({ name: event }) => event)).not.toContain('rejected');
    for (const { messageId } of sent) expect(arrivals.get(messageId)).toBeGreaterThanOrEqual(1);
  };

  test.each(Object.keys({ ...UNREADABLE, ...FOREIGN }))(
    '%s: keeps all messages and sends them again',
    (name) => {
      if (!REPEATED_BY_CHROMIUM.includes(name)) {
        expect(first(name).map(({ name: event }) => event)).toEqual(['retry', 'retry', 'retry']);
      }
      sentOnce(name);
    },
  );

  test.each(['a foreign 400 in JSON', 'a foreign 400 whose type mentions problem details'])(
    '%s: its code does not count as a code of the app',
    (name) => {
      expect(first(name).map(({ code }) => code)).toEqual(['http_400', 'http_400', 'http_400']);
    },
  );

  test.each(Object.keys(PARTIAL))('%s: settles the first and keeps the others', (name) => {
    expect(first(name).map(({ name: event }) => event)).toEqual(['sent', 'retry', 'retry']);
    sentOnce(name);
  });

  test('reports the reason: the status, and whether the app sent it', () => {
    const why = (name: string) => {
      const [{ code, status, cause } = { code: '', status: -1, cause: '' }] = first(name);
      return [code, status, cause];
    };
    expect(why('a 204')).toEqual(['no_result', 204, 'HTTP 204']);
    expect(why('a foreign 403')).toEqual(['http_403', 403, 'HTTP 403']);
    expect(why('problem details of a wrong device key')).toEqual(['invalid_device_key', 400, 'HTTP 400']);
    expect(first('results in which the others have to be sent again')[1]).toMatchObject({
      code: 'hub_throttled',
    });
  });
});
