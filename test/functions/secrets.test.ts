import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, type Stack, call, startStack } from '../stack';

/** Of each setting a secret of its own, as an operator may have it. */
const SECRETS = {
  owner: Buffer.from('owner-key-not-of-this-hub-at-all').toString('base64'),
  eventHub: Buffer.from('service-key-not-of-this-hub-either').toString('base64'),
  functionKey: 'qu/ite+secret==&function?key',
  password: 'p@ss/w0rd: 100%#"ok"',
  account: Buffer.from('account-key-of-the-storage').toString('base64'),
};

let stack: Stack;
let storage: ReturnType<typeof createServer>;
beforeAll(async () => {
  // A storage account that refuses whatever it is asked, and quotes the request.
  storage = createServer((request, response) => {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>${SECRETS.account} ${request.headers.authorization ?? ''}</Message></Error>`,
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => storage.once('listening', resolve));
  const { port } = storage.address() as AddressInfo;
  stack = await startStack({
    settings: ({ connectionStrings }) => ({
      IOTHUBOWNER_SHAREDACCESSKEY: SECRETS.owner,
      IOTHUB_EVENTHUB_CONNECTION: connectionStrings
        .eventHub('service')
        .replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${SECRETS.eventHub}`),
      KEEP_ALIVE_FUNCTION_KEY: SECRETS.functionKey,
      PRODUCTS_DATABASE_URL: `postgres://user:${encodeURIComponent(SECRETS.password)}@127.0.0.1:1/${encodeURIComponent(SECRETS.password)}`,
      PRODUCTS_STORAGE: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${SECRETS.account};BlobEndpoint=http://127.0.0.1:${port}/a`,
      HUB_DEADLINE_SECONDS: '2',
    }),
  });
});
afterAll(async () => {
  await stack.close();
  storage.close();
});

const runTimer = (name: string) =>
  fetch(`${stack.host.url}/admin/functions/${name}`, {
    method: 'POST',
    headers: { 'x-functions-key': KEY, 'content-type': 'application/json' },
    body: '{}',
  });

test('no response and no log line contains a secret of the settings, or a part of one', async () => {
  const answers = [
    await stack.register('d', Buffer.alloc(32, 1).toString('base64')),
    await stack.send({ deviceId: 'd', deviceKey: Buffer.alloc(32, 1).toString('base64'), deviceMessage: 1 }),
    await stack.feed(),
    await stack.feed({ action: 'ping' }),
    await call(`${stack.host.url}/api/devices?action=ping`, { headers: { 'x-functions-key': KEY } }),
  ];
  for (const timer of ['keepAlive', 'snapshotProducts']) expect((await runTimer(timer)).status).toBe(202);
  await expect.poll(() => stack.logged.some((line) => line.includes('No product snapshot'))).toBe(true);
  await expect.poll(() => stack.logged.some((line) => line.includes('Keep-alive'))).toBe(true);
  const text = [...answers.map((answer) => answer.text), ...stack.logged].join('\n').toLowerCase();
  for (const secret of Object.values(SECRETS).flatMap((plain) => [plain, encodeURIComponent(plain)])) {
    const parts = Array.from({ length: secret.length - 4 }, (_, i) => secret.slice(i, i + 5).toLowerCase());
    expect(parts.filter((part) => text.includes(part))).toEqual([]);
  }
  expect(answers.map(({ status }) => status)).toEqual([503, 401, 503, 503, 200]);
});
