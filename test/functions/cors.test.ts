import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, type Stack, call, post, startStack } from '../stack';

const ALLOWED =
  'https://shop.example, https://*.shop.example,http://localhost:3000, https://cafe.example:443,' +
  'capacitor://localhost, ionic://localhost/, tauri://localhost,HTTP://[::1]:80/, chrome-extension://Abc_d, file://';

const preflight = (stack: Stack, origin: string, path = 'messages') =>
  call(`${stack.host.url}/api/${path}`, {
    method: 'OPTIONS',
    headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
  });

describe('a list of origins', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: ALLOWED } });
  });
  afterAll(() => stack.close());

  test.each([
    'https://shop.example',
    'https://www.shop.example',
    'https://a.b-c.shop.example',
    'http://localhost:3000',
    'https://cafe.example',
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'http://[::1]',
    'chrome-extension://Abc_d',
    'file://',
  ])('allows %s', async (origin) => {
    for (const path of ['messages', 'devices']) {
      const { status, headers, text } = await preflight(stack, origin, path);
      expect([status, text]).toEqual([204, '']);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-methods')).toContain('POST');
      expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain('content-type');
      expect(headers.get('access-control-max-age')).toBe('86400');
      expect(headers.get('vary')).toBe('Origin');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    }
    const refused = await post(`${stack.host.url}/api/messages`, '{', { Origin: origin });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
    expect(refused.headers.get('vary')).toBe('Origin');
    expect(refused.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    'https://evil.example',
    'http://shop.example',
    'https://shop.example:8443',
    'https://www.shop.example:8443',
    'https://evilshop.example',
    'https://shop.example.evil.example',
    'https://www.shop.example.evil.example',
    'https://.shop.example',
    'https://a..shop.example',
    'https://evil.example/.shop.example',
    'https://evil.example#.shop.example',
    'https://evil.example?.shop.example',
    'https://user@evil.example\\.shop.example',
    'https://wwwXshop.example',
    'https://www.shopXexample',
    'https://*.shop.example',
    'HTTPS://SHOP.EXAMPLE',
    'https://shop.example, https://evil.example',
    'http://localhost:30001',
    'capacitor://evil.example',
    'ionic://localhost:80',
    'chrome-extension://abc_d',
    'null',
    '*',
    '',
  ])('does not allow %j', async (origin) => {
    const answers = [
      await preflight(stack, origin),
      await post(`${stack.host.url}/api/messages`, '{', { Origin: origin }),
    ];
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(headers.get('vary')).toBe('Origin');
    }
  });

  test('a preflight allows the headers that it requests, if they are valid header names', async () => {
    const ask = async (requested: string): Promise<string[]> => {
      const { headers } = await call(`${stack.host.url}/api/messages`, {
        method: 'OPTIONS',
        headers: {
          Origin: 'https://shop.example',
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': requested,
        },
      });
      return (headers.get('access-control-allow-headers') ?? '').split(', ');
    };
    const always = ['content-type', 'content-encoding', 'x-functions-key'];
    expect(await ask('content-type,traceparent, Tracestate,x-datadog-trace-id')).toEqual([
      ...always,
      'traceparent',
      'tracestate',
      'x-datadog-trace-id',
    ]);
    const utf8 = Buffer.from('é').toString('latin1'); // Azure's web server reads headers as UTF-8
    expect(await ask(`*, a b, a:b, <script>, ${utf8},,"x"`)).toEqual(always);
    expect(await ask(`${'x'.repeat(101)},${'y'.repeat(100)}`)).toEqual([...always, 'y'.repeat(100)]);
    const many = Array.from({ length: 500 }, (_, i) => `x-${i}`).join(',');
    expect(await ask(many)).toHaveLength(50);
  });

  test('a very long origin is refused, and holds nothing up', async () => {
    const { headers } = await preflight(stack, `https://${'a.'.repeat(7_000)}evil.example`);
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  test('the message feed is for workers: no page may read it', async () => {
    const { status, headers } = await call(`${stack.host.url}/api/message_feed?limit=1`, {
      headers: { Origin: 'https://shop.example', 'x-functions-key': KEY },
    });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });
});

test.each([
  ['*', '*'],
  ['', null],
])('CORS_ALLOWED_ORIGINS=%j', async (allowed, expected) => {
  const stack = await startStack({ settings: { CORS_ALLOWED_ORIGINS: allowed } });
  try {
    for (const answer of [
      await preflight(stack, 'https://any.example'),
      await post(`${stack.host.url}/api/messages`, '{', { Origin: 'https://any.example' }),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(expected);
      expect(answer.headers.get('vary')).toBe('Origin');
    }
  } finally {
    await stack.close();
  }
});
