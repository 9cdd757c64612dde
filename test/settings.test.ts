import { describe, expect, test } from 'vitest';
import { SettingsError, readSettings } from '../src/settings';

const KEY = Buffer.alloc(32, 7).toString('base64');
const COMPLETE = {
  IOTHUB_HOSTNAME: 'Shop.azure-devices.net',
  IOTHUBOWNER_SHAREDACCESSKEY: KEY,
  IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=service;SharedAccessKey=${KEY};EntityPath=shop`,
};

/** Every setting but the one for a file, with a value. */
const EVERYTHING = {
  ...COMPLETE,
  IOTHUB_SHAREDACCESSKEYNAME: 'registryReadWrite',
  MESSAGE_POLL_CONSUMERGROUP: 'message-feed',
  CORS_ALLOWED_ORIGINS: 'https://shop.example,capacitor://localhost',
  HUB_DEADLINE_SECONDS: '15',
  AF_HOST: 'localhost:7071',
  WEBSITE_HOSTNAME: 'shop.azurewebsites.net',
  KEEP_ALIVE_SCHEDULE: '0 0/5 * * * *',
  KEEP_ALIVE_FUNCTION_KEY: 'a-function-key',
  PRODUCTS_DATABASE_URL: 'postgres://user:password@db.example/shop',
  PRODUCTS_QUERY: 'SELECT 1\nFROM products',
  SKUS_QUERY: 'SELECT 1\nFROM skus',
  PRODUCTS_SCHEDULE: '0 30 * * * *',
  PRODUCTS_STORAGE: 'UseDevelopmentStorage=true',
  PRODUCTS_STORAGE__blobServiceUri: 'https://shop.blob.core.windows.net',
  IOTHUB_ENDPOINT: 'https://127.0.0.1:8443',
};

function refusal(env: Record<string, string>): SettingsError {
  try {
    readSettings(env);
  } catch (error) {
    if (error instanceof SettingsError) return error;
  }
  throw new Error('the settings were accepted');
}

describe('settings', () => {
  test('the hub, its policy and its Event Hub-compatible endpoint are sufficient', () => {
    expect(readSettings(COMPLETE)).toMatchObject({
      hubHostName: 'shop.azure-devices.net',
      registryPolicy: { name: 'iothubowner', key: KEY },
      eventHub: { host: 'ns.servicebus.windows.net', port: 5671, plainTcp: false },
      consumerGroup: '$Default',
      keepAliveSchedule: '0 */4 * * * *',
      corsAllowedOrigins: [],
    });
  });

  test.each([
    ['["https://shop.example"]', ['https://shop.example']],
    [
      ' [ "https://Shop.example:443/", "capacitor://localhost" ] ',
      ['https://shop.example', 'capacitor://localhost'],
    ],
    ['["*"]', ['*']],
    ['[]', []],
    ['https://shop.example, https://b.example', ['https://shop.example', 'https://b.example']],
  ])('origins come with commas or, as from the Functions host, as JSON: %j', (value, expected) => {
    expect(readSettings({ ...COMPLETE, CORS_ALLOWED_ORIGINS: value }).corsAllowedOrigins).toEqual(expected);
  });

  test.each([
    '["https://shop.example"',
    '[1]',
    '[["https://shop.example"]]',
    '{"a":1}',
    '["javascript:alert(1)"]',
  ])('origins that are no list are named: %j', (value) => {
    expect(refusal({ ...COMPLETE, CORS_ALLOWED_ORIGINS: value }).message).toContain(
      'CORS_ALLOWED_ORIGINS is not * or a list',
    );
  });

  test.each([
    ['https://a.example, javascript:alert(1), https://b.example,https://c.example/path', '2, 4'],
    ['["https://a.example", "", "shop.example"]', '3'],
    [Array(9).fill('x').join(), '1, 2, 3, 4, 5, …'],
  ])('an entry that is no origin is found by its position: %j', (value, places) => {
    const { message } = refusal({ ...COMPLETE, CORS_ALLOWED_ORIGINS: value });
    expect(message).toMatch(new RegExp(`: not an origin at position ${places}$`));
  });

  test('a visitor key that is none is found by its position, and not shown', () => {
    const VISITOR_KEY = `${Buffer.alloc(32).toString('base64')}, c2hvcnQ=`;
    const { message } = refusal({ ...COMPLETE, VISITOR_DEVICES: '1', VISITOR_KEY });
    expect(message).toMatch(/VISITOR_KEY is not a comma-separated list of keys, .*: see position 2$/);
    expect(message).not.toContain('c2hvcnQ');
  });

  test('an entry of the blocklist that blocks no visitor is found by its position', () => {
    const blocking = (VISITOR_BLOCKLIST: string) => ({
      ...COMPLETE,
      ...{ VISITOR_DEVICES: '1', VISITOR_KEY: Buffer.alloc(32).toString('base64'), VISITOR_BLOCKLIST },
    });
    const id = `web-${'a'.repeat(26)}`;
    expect(readSettings(blocking(`we, web-, web-ab7, ${id}`)).visitors?.blocklist).toHaveLength(4);
    for (const wrong of ['sensor-1', 'web-A', 'web-a1', `${id}a`, 'web-gateway-00'])
      expect(refusal(blocking(`web-, ${wrong}`)).message).toMatch(/VISITOR_BLOCKLIST .*: see position 2$/);
  });

  test('without an owner key the registry is left to Microsoft Entra ID', () => {
    expect(readSettings({ ...COMPLETE, IOTHUBOWNER_SHAREDACCESSKEY: '' }).registryPolicy).toBeUndefined();
  });

  test('all missing and malformed settings are named at once, without values', () => {
    const { problems, message } = refusal({
      IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://x;SharedAccessKey=${KEY}`,
      IOTHUBOWNER_SHAREDACCESSKEY: 'hunter2!',
      CORS_ALLOWED_ORIGINS: 'https://shop.example, javascript:alert(1)',
      KEEP_ALIVE_SCHEDULE: 'often',
      FEED_CLIENT: 'kafka',
      IOTHUB_ENDPOINT: 'ftp://127.0.0.1',
      IOTHUB_CA_FILE: '/nowhere/ca.pem',
    });
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
      'CORS_ALLOWED_ORIGINS',
      'FEED_CLIENT',
      'IOTHUBOWNER_SHAREDACCESSKEY',
      'IOTHUB_CA_FILE',
      'IOTHUB_ENDPOINT',
      'IOTHUB_EVENTHUB_CONNECTION',
      'IOTHUB_HOSTNAME',
      'KEEP_ALIVE_SCHEDULE',
    ]);
    for (const value of [KEY, 'hunter2!', 'javascript', 'often', 'ftp:', '/nowhere'])
      expect(message).not.toContain(value);
  });

  test.each(Object.entries(EVERYTHING))(
    '%s may have white space around it, and none within',
    (name, value) => {
      const clean = readSettings(EVERYTHING);
      for (const spaced of [`${value}\n`, `  ${value}`, `\t${value}\r\n`, `\u00a0${value}\ufeff`]) {
        expect(readSettings({ ...EVERYTHING, [name]: spaced })).toEqual(clean);
      }
      if (name === 'PRODUCTS_QUERY' || name === 'SKUS_QUERY') return;
      const middle = Math.floor(value.length / 2);
      for (const control of ['\n', '\r', '\0', '\u0085']) {
        const { problems } = refusal({
          ...EVERYTHING,
          [name]: value.slice(0, middle) + control + value.slice(middle),
        });
        expect(problems.map((problem) => problem.split(' ')[0])).toEqual([name]);
      }
    },
  );

  test.each(['Endpoint', 'SharedAccessKeyName', 'SharedAccessKey', 'EntityPath'])(
    'a malformed %s of the Event Hub connection is named',
    (part) => {
      const IOTHUB_EVENTHUB_CONNECTION = COMPLETE.IOTHUB_EVENTHUB_CONNECTION.replace(
        new RegExp(`(?<=(^|;)${part}=)[^;]*`),
        'hunter 2!',
      );
      const { message } = refusal({ ...COMPLETE, IOTHUB_EVENTHUB_CONNECTION });
      expect(message).toContain(
        `IOTHUB_EVENTHUB_CONNECTION is not an Event Hub connection string: its ${part} `,
      );
      expect(message).not.toContain('hunter');
    },
  );

  test.each([
    'p@ss',
    'p/ss',
    'p@ss/w0rd',
    'p:w@rd',
    'p?ss',
    'p#ss',
    'p%ss',
    'p%zz',
    'p%ff',
    'p ss',
    'p\\ss',
    '1/2',
    '12?ss',
    '@',
    '[p]',
    'pä',
    'p"s',
    'p%',
  ])('the database password %j has to be percent-encoded', (password) => {
    const url = (text: string) => `postgres://user:${text}@db.example:5432/shop`;
    const { problems } = refusal({ ...EVERYTHING, PRODUCTS_DATABASE_URL: url(password) });
    expect(problems).toEqual([expect.stringMatching(/^PRODUCTS_DATABASE_URL is not a URL such as/)]);
    const escaped = url(encodeURIComponent(password));
    expect(readSettings({ ...EVERYTHING, PRODUCTS_DATABASE_URL: escaped }).products?.databaseUrl).toBe(
      escaped,
    );
  });

  test.each([
    'postgres://db.example/shop',
    'postgresql://user@db.example/shop?sslmode=verify-full&application_name=x',
    'postgres://user:p:w~!$&*()_+,;=-.d@[::1]:5432/shop',
    'postgres://user:@127.0.0.1',
    'postgres://shop%40server:%E2%82%AC@shop.postgres.database.azure.com:5432/shop?ssl=true',
  ])('%s is a database', (PRODUCTS_DATABASE_URL) => {
    expect(readSettings({ ...EVERYTHING, PRODUCTS_DATABASE_URL }).products).toBeDefined();
  });

  test.each([
    'mysql://user:pw@db/shop',
    'postgres:///shop',
    'postgres://',
    'postgres:user@db/shop',
    'postgres://a:b@c@d/shop',
    'postgres://user:pw@db/shop/more',
    'postgres://user:pw@db:port/shop',
    'postgres://db/shop@evil',
    'postgres://db/shop?host=x@y',
    'https://db.example',
  ])('%s is none', (PRODUCTS_DATABASE_URL) => {
    const { problems } = refusal({ ...EVERYTHING, PRODUCTS_DATABASE_URL });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['PRODUCTS_DATABASE_URL']);
  });

  test('a schedule is one that NCrontab reads, and may name another setting', () => {
    for (const name of ['KEEP_ALIVE_SCHEDULE', 'PRODUCTS_SCHEDULE']) {
      for (const wrong of [
        '0 0 3 * * 7',
        '0 0 25 * * *',
        'a b c d e f',
        '00:05:00',
        '%ABSENT%',
        '0 0 0 ? * 2',
      ]) {
        expect(refusal({ ...COMPLETE, [name]: wrong }).problems).toEqual([
          expect.stringMatching(`^${name} is not`),
        ]);
      }
    }
    expect(
      readSettings({ ...COMPLETE, PRODUCTS_SCHEDULE: '%My_Schedule%', MY_SCHEDULE: '0 0/5 * * * Monday' }),
    ).toMatchObject({ productsSchedule: '0 0/5 * * * Monday' });
  });

  test.each([
    ['shop.azurewebsites.net', 'https://shop.azurewebsites.net/'],
    ['localhost:7071', 'http://localhost:7071/'],
    ['https://front.shop.example', 'https://front.shop.example/'],
  ])('the keep-alive timer reaches %s at %s', (AF_HOST, url) => {
    expect(readSettings({ ...COMPLETE, AF_HOST }).keepAliveTarget?.href).toBe(url);
  });

  test('the platform names its own host when AF_HOST does not', () => {
    const { keepAliveTarget } = readSettings({ ...COMPLETE, WEBSITE_HOSTNAME: 'shop.azurewebsites.net' });
    expect(keepAliveTarget?.host).toBe('shop.azurewebsites.net');
  });
});
