import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY as FUNCTION_KEY, SHOP, type Stack, call, post, startStack } from '../stack';

const keyOf = (n: number) => Buffer.alloc(32, n).toString('base64');

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const count = (values: number[]) =>
  Object.fromEntries(
    [...new Set(values)].sort().map((value) => [value, values.filter((v) => v === value).length]),
  );

describe('registrations at the same time', () => {
  test('of one id with one proposed key: one 201, the rest 200, one identity', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => stack.register('race-1', keyOf(1))));
    expect(count(answers.map(({ status }) => status))).toEqual({ 200: 49, 201: 1 });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  test('of one id with keys that differ: one 201, the rest 409, and the winner may send', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => stack.register('race-2', keyOf(n + 1))),
    );
    expect(count(answers.map(({ status }) => status))).toEqual({ 201: 1, 409: 49 });
    const winner = answers.findIndex(({ status }) => status === 201);
    const sent = await stack.send({ deviceId: 'race-2', deviceKey: keyOf(winner + 1), deviceMessage: 1 });
    expect(sent.status).toBe(201);
  });

  test('of one id without keys: one 201 with generated keys, the rest 409', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => stack.register('race-3')));
    expect(count(answers.map(({ status }) => status))).toEqual({ 201: 1, 409: 49 });
    const made = answers.find(({ status }) => status === 201);
    const { primaryKey, secondaryKey } = made?.json.deviceInfo.authentication.symmetricKey ?? {};
    expect(primaryKey).not.toBe(secondaryKey);
    for (const { text, status } of answers) {
      if (status === 409) for (const key of [primaryKey, secondaryKey]) expect(text).not.toContain(key);
    }
  });
});

describe('a registration', () => {
  test('without proof of ownership always gets the same response', async () => {
    const { json } = await stack.register('taken', keyOf(7));
    const { primaryKey } = json.deviceInfo.authentication.symmetricKey;
    const nearly = `${primaryKey.slice(0, -2)}${primaryKey.at(-2) === 'A' ? 'B' : 'A'}=`;
    const proofs = [
      undefined,
      keyOf(8),
      Buffer.alloc(16).toString('base64'),
      Buffer.alloc(64).toString('base64'),
    ];
    if (Buffer.from(nearly, 'base64').toString('base64') === nearly) proofs.push(nearly);
    const answers = await Promise.all(proofs.map((proof) => stack.register('taken', proof)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  });

  // docs/http-api.md: "The body has at most 16 KB, both compressed and decompressed, and at most 32 fields."
  test('has at most 16 KB and 32 fields', async () => {
    const key = { 'x-functions-key': FUNCTION_KEY };
    const body = (bytes: number) => JSON.stringify({ deviceId: 'large', deviceKey: keyOf(10) }).padEnd(bytes);
    const send = (text: string) => post(`${stack.host.url}/api/devices`, text, key);
    expect((await send(body(16 * 1024))).status).toBe(201);
    expect((await send(body(16 * 1024 + 1))).json).toMatchObject({ status: 413, code: 'body_too_large' });
    const gzipped = await call(`${stack.host.url}/api/devices`, {
      method: 'POST',
      headers: { ...key, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(body(16 * 1024 + 1)),
    });
    expect(gzipped.json).toMatchObject({ status: 413, code: 'body_too_large' });
    const fields = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n])));
    expect((await send(fields(32))).json.detail).toContain('deviceId');
    expect((await send(fields(33))).json.detail).toContain('32');
  });

  test('is not cached', async () => {
    const { headers, json } = await stack.register('kept', keyOf(9));
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('vary')).toBe('Origin');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('location')).toBe(`https://${json.hostName}/devices/kept`);
  });

  test('of a web page can be read by the page, including errors', async () => {
    const headers = { Origin: SHOP, 'x-functions-key': FUNCTION_KEY };
    for (const expected of [201, 409, 400]) {
      const deviceId = expected === 400 ? 'not an id' : 'page';
      const answer = await post(`${stack.host.url}/api/devices`, { deviceId }, headers);
      expect(answer.status).toBe(expected);
      expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP);
    }
  });
});

/** What connection strings, URLs, headers, tokens and logs are taken apart at. */
const SEPARATORS = [
  ';HostName=evil.example',
  ';SharedAccessKey=x',
  'x;DeviceId=other',
  '=',
  ';',
  '&skn=iothubowner',
  '&sr=evil',
  '/../other',
  '%2f..%2fother',
  '?api-version=1',
  '#',
  '\\',
  '\r\nX-Injected: 1',
  '\n',
  '\0',
  '"',
  "'",
  ',',
  '{}',
  '\u2028',
  ' ',
  '@evil.example',
  ':443',
];

describe('separators of other formats have no meaning here', () => {
  const deviceKey = keyOf(3);
  beforeAll(async () => {
    await stack.register('other', deviceKey);
    await stack.register('self', deviceKey);
  });

  test.each(SEPARATORS)('%j in each field', async (separator) => {
    const before = stack.emulator.admin.state();
    const valid = { deviceId: 'self', deviceKey, deviceMessage: 1, messageId: 'm', properties: { p: 'v' } };
    const hostile = [
      { ...valid, deviceId: `self${separator}` },
      { ...valid, deviceId: separator },
      { ...valid, deviceKey: `${deviceKey}${separator}` },
      { ...valid, deviceKey: separator },
      { ...valid, messageId: `m${separator}` },
      { ...valid, properties: { [`p${separator}`]: 'v' } },
      { ...valid, properties: { p: `v${separator}` } },
      { ...valid, deviceMessage: separator },
    ];
    for (const message of hostile) {
      const { status, headers } = await stack.send(message);
      expect([201, 400, 401]).toContain(status);
      expect(headers.get('x-injected')).toBeNull();
    }
    for (const [id, key] of [
      [`self${separator}`, deviceKey],
      [separator, undefined],
      ['fresh', `${deviceKey}${separator}`],
    ] as const) {
      const { status, json } = await stack.register(id, key);
      expect([201, 200, 400]).toContain(status);
      if (json.deviceInfo) expect(json.deviceInfo.deviceId).toBe(id);
    }
    // Whatever was taken was taken as the very device that was named, with the very ids and properties.
    for (const { partitionId, lastSequenceNumber } of before.partitions) {
      for (const message of stack.emulator.admin.messages({
        partition: partitionId,
        from: lastSequenceNumber + 1,
        limit: 100,
      })) {
        expect([`self${separator}`, 'self', separator]).toContain(message.deviceId);
        expect(message.deviceId).not.toBe('other');
        expect(JSON.parse(message.body).deviceId).toBe(message.deviceId);
        expect([`m${separator}`, 'm']).toContain(message.messageId);
        const [[name, value] = ['p', 'v']] = Object.entries(message.properties);
        expect([`p${separator}`, 'p']).toContain(name);
        expect([`v${separator}`, 'v']).toContain(value);
      }
    }
  });

  test('neither breaks a log line nor logs a key', () => {
    for (const line of stack.logged) {
      expect(line).not.toMatch(/X-Injected|evil\.example/);
      expect(line).not.toContain(deviceKey);
    }
  });
});
