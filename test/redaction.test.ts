import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { placeOf } from '../src/logging';
import { snapshotFailure } from '../src/products/snapshotError';
import { createRedactor } from '../src/redaction';
import { secretsOf } from '../src/settings';
import { startUp } from '../src/startup';

const KEY = Buffer.from('a-hub-key-that-nobody-may-see!!!').toString('base64');
const PASSWORD = 'Tr0ub4dor/3&@%40 "x"';

/** Runs of eight characters of a secret that a text shows, in any case. */
function partsShown(secret: string, text: string): string[] {
  const parts = Array.from({ length: Math.max(0, secret.length - 7) }, (_, i) => secret.slice(i, i + 8));
  return parts.filter((part) => text.toLowerCase().includes(part.toLowerCase()));
}

describe('a log line', () => {
  const redact = createRedactor([KEY, PASSWORD]);

  test.each([
    `connect failed for ${PASSWORD}`,
    `getaddrinfo ENOTFOUND ${PASSWORD.toLowerCase()}.example`,
    `bad key ${KEY.slice(5, 30)}…`,
    `bad key ${KEY.slice(0, 8)} and ${KEY.slice(-9)}`,
    `url ${encodeURIComponent(PASSWORD)}`,
    `json ${JSON.stringify({ password: PASSWORD })}`,
    `half of it: ${encodeURIComponent(PASSWORD).slice(3, 14)}`,
    `${KEY}${KEY}`,
  ])('shows no part of a secret: %s', (line) => {
    const redacted = redact(line);
    expect([...partsShown(KEY, redacted), ...partsShown(PASSWORD, redacted)]).toEqual([]);
    expect(redacted).toContain('[redacted]');
    expect(redacted).toContain(line.split(' ')[0]?.startsWith(KEY) ? '[redacted]' : line.split(' ')[0]);
  });

  test.each([
    [
      'SharedAccessSignature sr=hub&sig=abc%2Bdef%3D&se=17',
      'SharedAccessSignature sr=hub&sig=[redacted]&se=17',
    ],
    [
      'Endpoint=sb://x;SharedAccessKey=abc/def=;EntityPath=y',
      'Endpoint=sb://x;SharedAccessKey=[redacted];EntityPath=y',
    ],
    ['AccountName=a;AccountKey=abc==;X=1', 'AccountName=a;AccountKey=[redacted];X=1'],
    ['Authorization: Bearer ey.J0.eXA', 'Authorization: Bearer [redacted]'],
    ['postgres://user:pa/ss@host/db', 'postgres://user:pa/ss@host/db'],
    ['postgres://user:hunter2@host/db', 'postgres://user:[redacted]@host/db'],
    ['GET /api/devices?code=hunter2&x=1', 'GET /api/devices?code=[redacted]&x=1'],
    ['Feed: 10 message(s), newest 0.1 s old', 'Feed: 10 message(s), newest 0.1 s old'],
  ])('has no credential of anybody: %s', (line, expected) => {
    expect(redact(line)).toBe(expected);
  });

  test('is unchanged if it contains no part of a secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('01 ,.:')) }), (line) => {
        expect(redact(line)).toBe(line);
      }),
    );
  });

  test('contains no part of a secret that is not a word', () => {
    const password = fc
      .tuple(fc.string({ minLength: 3, maxLength: 30 }), fc.constantFrom('#7a', '%2B1', '@', '=', '9z'))
      .map(([text, mark]) => text + mark + text);
    const key = fc
      .uint8Array({ minLength: 32, maxLength: 64 })
      .map((bytes) => Buffer.from(bytes).toString('base64'));
    fc.assert(
      fc.property(fc.oneof(password, key), fc.string(), fc.string(), (secret, before, after) => {
        const redacted = createRedactor([secret])(`${before} ${secret} ${after}`);
        expect(partsShown(secret, redacted.replaceAll('[redacted]', '\u0001'))).toEqual([]);
      }),
    );
    expect(createRedactor(['pw-1!'])('password pw-1!, "pw-1!", pw-1!d')).toBe(
      'password [redacted], "[redacted]", pw-1!d',
    );
  });

  test.each([
    ['hubfront-local', 'is not a schedule that NCrontab reads (five or six fields; or %NAME% for a setting)'],
    ['connect', 'Keep-alive: /api/devices could not be reached (ECONNREFUSED)'],
    ['snapshot', 'No product snapshot, the last one stays in use: the query gave no rows'],
    ['ECONNREFUSED', 'Keep-alive: /api/devices could not be reached (ECONNREFUSED)'],
    ['PRODUCTS_DATABASE_URL', 'PRODUCTS_DATABASE_URL is not a URL such as postgres://user@host/database'],
    ['1234', 'Product snapshot: 1234 rows, 12345678 bytes in 100 ms'],
    ['12345678', 'Product snapshot: 1234 rows, 12345678 bytes in 100 ms'],
    ['message(s)', 'Feed: 3 poll(s), 10 message(s), at most 0.1 s behind'],
    ['user@1', 'such as postgres://user@host/database'],
    [KEY, 'IoT Hub could not be reached (ENOTFOUND).'],
  ])('of ours stays whole, though a secret is like one of its words: %s', (secret, line) => {
    expect(createRedactor([secret])(line)).toBe(line);
  });
});

test('each log of the app redacts the secrets of its settings, also at start-up', () => {
  const lines: string[] = [];
  const keep = (line: string): void => void lines.push(line);
  const atStartup = vi.spyOn(console, 'error').mockImplementation(keep);
  const { log } = startUp({ KEEP_ALIVE_FUNCTION_KEY: KEY, IOTHUB_HOSTNAME: KEY });
  atStartup.mockRestore();
  expect(lines).toEqual([expect.stringMatching(/^Settings are missing or malformed: /)]);
  const { info, warn, error } = log({ log: keep, warn: keep, error: keep });
  for (const write of [info, warn, error]) write(`the driver quotes ${KEY}`);
  expect(lines.slice(1)).toEqual(Array(3).fill('the driver quotes [redacted]'));
});

test('the secrets of the settings are all that a value may hold, malformed ones too', () => {
  const secrets = secretsOf({
    IOTHUBOWNER_SHAREDACCESSKEY: ' secret-1\n',
    IOTHUB_EVENTHUB_CONNECTION: 'Endpoint=sb://x;SharedAccessKey=secret-2;EntityPath=y',
    KEEP_ALIVE_FUNCTION_KEY: 'secret-3',
    PRODUCTS_DATABASE_URL: 'postgres://user:secret/@-4@db.example/shop',
    PRODUCTS_STORAGE: 'BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig=secret-5',
    AzureWebJobsStorage: 'AccountName=x;AccountKey=secret-6',
    PRODUCTS_STORAGE__blobServiceUri: 'https://x.blob.core.windows.net/?sv=1&sig=secret-7',
    AF_HOST: 'https://user:secret-8@shop.example',
  });
  for (const secret of ['-1', '-2', '-3', '/@-4', '-5', '-6', '-7', '-8'].map((end) => `secret${end}`)) {
    expect(secrets.some((found) => found.includes(secret))).toBe(true);
  }
});

describe('the reason of a failure', () => {
  const failed = (message: string, more: object) => Object.assign(new Error(message), more);
  test.each([
    [failed('', { name: 'RestError', statusCode: 404 }), '(RestError, status 404)'],
    [
      failed('hunter2', { name: 'RestError', statusCode: 403, code: 'AuthenticationFailed' }),
      '(AuthenticationFailed,',
    ],
    [failed('getaddrinfo ENOTFOUND hunter2', { code: 'ENOTFOUND' }), '(ENOTFOUND)'],
    [failed('hunter2', { code: 'hunter 2' }), '(Error)'],
    [
      failed('hunter2', { severity: 'FATAL', code: '28P01' }),
      'the password of PRODUCTS_DATABASE_URL is wrong',
    ],
    [failed('hunter2', { severity: 'ERROR', code: 'XX000' }), 'PostgreSQL failed (SQLSTATE XX000)'],
    [failed('Connection terminated unexpectedly', {}), 'Connection terminated unexpectedly'],
    ['hunter2', 'unknown error'],
  ])('is never empty, and quotes no driver: %s', (error, reason) => {
    expect(snapshotFailure(error)).toContain(reason);
    expect(snapshotFailure(error)).not.toContain('hunter');
  });

  test('contains a position but no quoted message', () => {
    const place = placeOf(new Error('first\nsecond hunter2\n  at hunter3'));
    expect(place).toMatch(/^\s+at /);
    expect(place).not.toContain('hunter');
  });
});
