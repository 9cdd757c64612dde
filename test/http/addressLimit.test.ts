import { HttpRequest } from '@azure/functions';
import { expect, test } from 'vitest';
import { createAddressLimit } from '../../src/http/addressLimit';

/** @returns how many of so many requests with this header are within the limit */
function allowed(header: string | undefined, count: number, valueOf: (n: number) => string): number {
  const limit = createAddressLimit(header);
  let within = 0;
  for (let n = 0; n < count; n += 1) {
    const headers = { [header ?? 'x-forwarded-for']: valueOf(n) };
    try {
      limit(new HttpRequest({ method: 'POST', url: 'http://localhost/api/messages', headers }));
      within += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
    }
  }
  return within;
}

test.each([
  ['one address', (n: number) => `203.0.113.7:${n}`],
  ['one address behind claims of the client', (n: number) => `198.51.100.${n % 250}, 203.0.113.7`],
  ['IPv6 with a port', (n: number) => `[2001:db8::1]:${n}`],
  ['the IPv6 network of one client', (n: number) => `2001:db8:0:1::${n.toString(16)}`],
  [
    'the IPv6 network of one client, with ports',
    (n: number) => `[2001:DB8:0:1:0:0:${n.toString(16)}:1]:${n}`,
  ],
  [
    'an IPv4 address, written as IPv6 or not',
    (n: number) => ['::ffff:203.0.113.7', '203.0.113.7:1'][n % 2] ?? '',
  ],
  ['a long text that only ends differently', (n: number) => `${'x'.repeat(1_000)}${n}`],
])('%s is limited', (_, valueOf) => {
  const within = allowed(undefined, 3_000, valueOf);
  expect(within).toBeGreaterThanOrEqual(2_000);
  expect(within).toBeLessThan(3_000);
});

test.each([
  ['IPv4 addresses', ['203.0.113.7', '203.0.113.8']],
  ['IPv6 networks', ['2001:db8:0:1::5', '2001:db8:0:2::5']],
  ['IPv4 addresses in IPv6', ['::ffff:203.0.113.7', '::ffff:203.0.113.8']],
])('%s are told apart', (_, addresses) => {
  expect(allowed(undefined, 3_000, (n) => addresses[n % 2] ?? '')).toBe(3_000);
});

test('addresses behind Front Door are told apart by its own header', () => {
  expect(allowed('x-azure-socketip', 3_000, (n) => `203.0.113.${n % 2}`)).toBe(3_000);
});
