/** Operations of the admin API over HTTPS. */

import { Agent, request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closed, startHub, type TestHub } from './hub';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

/** A POST as curl sends it: without a content type, unless one is given. */
function post(
  path: string,
  { body, type, agent = false }: { body?: string; type?: string; agent?: Agent | false } = {},
): Promise<[status: number, json: any]> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${hub.emulator.endpoint}/_emulator/${path}`,
      {
        method: 'POST',
        ca: hub.emulator.ca,
        agent,
        headers: type === undefined ? {} : { 'content-type': type },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data: string) => (text += data));
        response.on('end', () => resolve([response.statusCode ?? 0, JSON.parse(text)]));
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

test.each(['reset', 'hub/recreate'])('POST %s needs no body', async (path) => {
  await hub.register('d');
  expect(await post(path)).toMatchObject([200, { devices: 0 }]);
  expect(await post(path, { body: '', type: 'text/plain' })).toMatchObject([200, {}]);
});

test.each([
  ['telemetry', 'count'],
  ['retention/expire', 'exactly one'],
  ['offsets/jump', 'by'],
  ['throttle', 'tier'],
  ['faults', 'kind'],
])('POST %s without a body names what is missing', async (path, missing) => {
  expect(await post(path)).toEqual([
    400,
    expect.objectContaining({ error: expect.stringContaining(missing) }),
  ]);
});

test('a body of another type is rejected, as a page of another site would send it', async () => {
  expect(await post('reset', { body: '{}' })).toMatchObject([415, {}]);
  expect(await post('reset', { body: '{}', type: 'text/plain' })).toMatchObject([415, {}]);
  expect(await post('reset', { body: '{}', type: 'application/json' })).toMatchObject([200, {}]);
});

test('a recreated hub that keeps its devices closes their connections', async () => {
  const device = await hub.connect('kept');
  const end = closed(device);
  hub.emulator.admin.recreateHub({ keepDevices: true });
  await end;
  expect(hub.emulator.admin.state()).toMatchObject({ devices: 1, messages: 0 });
});

test('restart responds first, then closes this connection and resets the others', async () => {
  const agent = new Agent({ keepAlive: true });
  const [, others] = [await post('reset', { agent }), Object.values(agent.freeSockets).flat()];
  const reset = new Promise((resolve) => others[0]?.once('close', resolve));
  const json = { body: JSON.stringify({ kind: 'restart', downMs: 50 }), type: 'application/json' };
  expect(await post('faults', json)).toMatchObject([200, { affected: expect.any(Number) }]);
  await reset;
  await expect.poll(() => hub.emulator.health().status).toBe('ready');
  expect(await post('reset', { agent })).toMatchObject([200, {}]);
  agent.destroy();
});
