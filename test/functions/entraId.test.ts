import { get as httpsGet } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IDENTITY_HEADER } from '../../emulator/index';
import { type Stack, startStack } from '../stack';

const KEY = Buffer.alloc(32, 8).toString('base64');

/** The app without a key of the hub, where App Service would give it a managed identity. */
const withIdentity = (more: Record<string, string> = {}) =>
  startStack({
    settings: (emulator) => ({
      IOTHUBOWNER_SHAREDACCESSKEY: '',
      IDENTITY_ENDPOINT: `${emulator.endpoint}/_emulator/identity/token`,
      IDENTITY_HEADER,
      NODE_EXTRA_CA_CERTS: emulator.caFile,
      ...more,
    }),
  });

let stack: Stack;
beforeAll(async () => {
  stack = await withIdentity();
});
afterAll(() => stack.close());

function ask(
  url: string,
  ca: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; json: any }> {
  return new Promise((resolve, reject) => {
    httpsGet(url, { ca, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode, json: JSON.parse(text) });
      });
    }).on('error', reject);
  });
}

test('without an owner key devices are registered with a token of the managed identity', async () => {
  const answers = [await stack.register('entra-1', KEY), await stack.register('entra-1', KEY)];
  expect(answers.map(({ status }) => status)).toEqual([201, 200]);
  expect((await stack.register('entra-1')).status).toBe(409);
  expect((await stack.send({ deviceId: 'entra-1', deviceKey: KEY, deviceMessage: 1 })).status).toBe(201);
});

test('a hub that rejects the identity is reported as hub_access_denied', async () => {
  stack.emulator.admin.armFault({ target: 'registry', kind: 'unauthorized', times: 1 });
  const { status, json } = await stack.register('entra-2', KEY);
  expect([status, json.code]).toEqual([503, 'hub_access_denied']);
});

test('a missing token is reported, without the text of the token endpoint', async () => {
  const without = await withIdentity({ IDENTITY_HEADER: 'wrong' });
  try {
    const { status, json, text } = await without.register('entra-3', KEY);
    expect([status, json.code]).toEqual([503, 'hub_access_denied']);
    expect(text).toContain('Microsoft Entra ID');
    expect(`${text}${without.logged.join('')}`).not.toMatch(/IDENTITY|eyJ/);
  } finally {
    await without.close();
  }
});

test('the hub rejects tokens that are expired, forged or altered', async () => {
  const { endpoint, ca } = stack.emulator;
  const token = async (query: string, header: string = IDENTITY_HEADER) =>
    ask(`${endpoint}/_emulator/identity/token?${query}`, ca, { 'x-identity-header': header });
  expect((await token('resource=https://iothubs.azure.net', 'wrong')).status).toBe(401);
  expect((await token('resource=https://management.azure.com')).status).toBe(400);
  const { json } = await token('resource=https://iothubs.azure.net&api-version=2019-08-01');
  const good = json.access_token as string;
  const get = (authorization: string) =>
    ask(`${endpoint}/devices?api-version=2021-04-12`, ca, { authorization });
  expect((await get(`Bearer ${good}`)).status).toBe(200);
  const [header = '', claims = '', signature = ''] = good.split('.');
  const altered = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('"exp":1', '"exp":2'));
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  for (const wrong of [
    `Bearer ${header}.${altered.toString('base64url')}.${signature}`,
    `Bearer ${none}.${claims}.`,
    `Bearer ${none}.${claims}.${signature}`,
    `Bearer ${signature}`,
    'Bearer ',
    good,
  ]) {
    expect((await get(wrong)).status).toBe(401);
  }
  // Far ahead of the token's time, as the hub's clock sees it.
  stack.emulator.admin.armFault({ target: 'registry', kind: 'clockSkew', seconds: 100_000, times: 1 });
  expect((await get(`Bearer ${good}`)).status).toBe(401);
});
