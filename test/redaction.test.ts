import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeOf, reasonOf } from '../src/logging';
import { createRedactor } from '../src/redaction';
import { secretsOf } from '../src/settings';

const KEY = Buffer.from('a-hub-key-that-nobody-may-see!!!').toString('base64');
const PASSWORD = 'Tr0ub4dor/3&@%40 "x"';

/** Runs of so many characters of a secret that a text shows, in any case. */
function partsShown(secret: string, text: string): string[] {
  const parts = Array.from({ length: secret.length - 3 }, (_, i) => secret.slice(i, i + 4));
  return parts.filter((part) => text.toLowerCase().includes(part.toLowerCase()));
}

describe('a log line', () => {
  const redact = createRedactor([KEY, PASSWORD]);

  test.each([
    `connect failed for ${PASSWORD}`,
    `getaddrinfo ENOTFOUND ${PASSWORD.split('@')[1] ?? ''}`,
    `getaddrinfo ENOTFOUND ${PASSWORD.toLowerCase()}.example`,
    `bad key ${KEY.slice(5, 30)}…`,
    `bad key ${KEY.slice(0, 6)} and ${KEY.slice(-7)}`,
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

  test('stays as it is where it has nothing of a secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('01 ,.:')) }), (line) => {
        expect(redact(line)).toBe(line);
      }),
    );
  });

  test('shows nothing of any secret, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 4, maxLength: 60 }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          const shown = partsShown(
            secret,
            createRedactor([secret])(before + secret + after).replaceAll('[redacted]', '\u0001'),
          );
          expect(shown).toEqual([]);
        },
      ),
    );
    expect(createRedactor(['pw'])('password pw, "pw", pwd')).toBe('password [redacted], "[redacted]", pwd');
  });
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

test('the reason of a failure is never empty, and its place quotes no message', () => {
  const notFound = Object.assign(new Error(''), { name: 'RestError', statusCode: 404 });
  expect(reasonOf(notFound)).toBe('RestError, status 404');
  expect(reasonOf(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
  expect(reasonOf('text')).toBe('text');
  const place = placeOf(new Error('first\nsecond hunter2\n  at hunter3'));
  expect(place).toMatch(/^\s+at /);
  expect(place).not.toContain('hunter2');
});
