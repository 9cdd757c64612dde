import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAllowedHost } from '../../emulator/httpsServer/allowedHosts';
import { configuredHosts } from '../../local/allowedHosts';
import { LOCAL_FUNCTION_KEYS } from '../../local/functionKeys';
import { type FunctionsHost, startFunctionsHost } from '../../local/functionsHost';

let host: FunctionsHost;

beforeAll(async () => {
  host = await startFunctionsHost({
    appFolder: process.cwd(),
    port: 0,
    settings: () => ({}),
    functionKeys: LOCAL_FUNCTION_KEYS,
    log: () => undefined,
  });
});

afterAll(() => host.close());

/** The status of a response; unlike `fetch`, this sends any header. */
function statusOf(method: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: host.port, method, path, headers }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0);
      });
    })
      .on('error', reject)
      .end(method === 'POST' ? '{}' : undefined);
  });
}

describe('the dev host', () => {
  test.each([
    ['hubfront-local', true, true, true],
    ['hubfront-web', true, false, false],
    ['hubfront-worker', false, true, false],
    ['hubfront-wrong', false, false, false],
    ['HUBFRONT-LOCAL', false, false, false],
    [undefined, false, false, false],
  ])('opens with the key %s what its level allows', async (key, devices, feed, admin) => {
    const headers = key === undefined ? undefined : { 'x-functions-key': key };
    const opens = async (method: string, path: string) => (await statusOf(method, path, headers)) !== 401;
    expect(await opens('POST', '/api/devices')).toBe(devices);
    expect(await opens('GET', '/api/message_feed')).toBe(feed);
    expect(await opens('POST', '/admin/functions/none')).toBe(admin);
    expect(await opens('POST', '/api/messages')).toBe(true);
  });

  test.each([
    ['localhost', true],
    ['LOCALHOST:1', true],
    ['127.0.0.1:65535', true],
    ['[::1]:7071', true],
    ['evil.example', false],
    ['evil.example:7071', false],
    ['localhost.evil.example', false],
    ['evil-localhost', false],
    ['user@localhost', false],
    ['localhost:99999', false],
    ['localhost, evil.example', false],
    ['127.0.0.2', false],
  ])('serves requests for the host %j: %s', async (name, served) => {
    for (const path of ['/api/message_feed?code=hubfront-local', '/api/none', '/', '/admin/functions/none']) {
      const status = await statusOf('GET', path, { host: name });
      if (served) expect(status).not.toBe(421);
      else expect(status).toBe(421);
    }
  });

  test.each([
    [{}, 404],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: '' }, 403],
    [{ origin: 'http://localhost:3000' }, 403],
    [{ origin: 'OWN' }, 404],
    [{ origin: 'OWN', 'sec-fetch-site': 'same-origin' }, 404],
    [{ origin: 'OWN', 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 404],
    [{ 'sec-fetch-site': 'Same-Origin' }, 404],
    [{ 'sec-fetch-site': 'CROSS-SITE' }, 403],
    [{ 'sec-fetch-site': 'Same-Site' }, 403],
    [{ 'sec-fetch-site': 'same-origin, cross-site' }, 403],
    [{ 'sec-fetch-site': 'unknown' }, 403],
    [{ 'sec-fetch-site': '' }, 403],
    [{ origin: 'OWN', 'sec-fetch-site': 'SAME-SITE' }, 403],
    [{ origin: 'TLS' }, 403],
    [{ origin: 'TLS', 'x-forwarded-proto': 'https' }, 404],
    [{ origin: 'OWN', 'x-forwarded-proto': 'https' }, 403],
    [{ origin: 'OWN/' }, 403],
  ])('responds to an admin request with the headers %j with %i', async (headers, expected) => {
    const own = `localhost:${host.port}`;
    const sent = Object.entries(headers).map(([name, value]) => [
      name,
      value.replace('OWN', `http://${own}`).replace('TLS', `https://${own}`),
    ]);
    const status = await statusOf('POST', '/admin/functions/none?code=hubfront-local', {
      host: own,
      'content-type': 'application/json',
      ...(Object.fromEntries(sent) as Record<string, string>),
    });
    expect(status).toBe(expected);
  });
});

describe('the check of local servers', () => {
  test('accepts configured names, and with a leading dot the names below one', () => {
    const configured = configuredHosts({ HUBFRONT_ALLOWED_HOSTS: ' Shop.example , .tunnel.example,' });
    expect(configured).toEqual(['shop.example', '.tunnel.example']);
    const names = ['shop.example:443', 'a.tunnel.example', 'tunnel.example', 'a.shop.example', 'localhost'];
    expect(names.map((name) => isAllowedHost(name, configured))).toEqual([true, true, false, false, true]);
    expect(isAllowedHost(undefined, configured)).toBe(false);
  });

  test.each(['my.host:3000', 'https://my.host', 'a b'])(
    'names the variable with the wrong name %s',
    (name) => {
      const configure = () => configuredHosts({ HUBFRONT_ALLOWED_HOSTS: `fine.example,${name}` });
      expect(configure).toThrow(RangeError);
      expect(configure).toThrow(`HUBFRONT_ALLOWED_HOSTS: '${name}' is not a host name`);
    },
  );
});
