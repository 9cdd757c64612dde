import { DEVICE } from './fixture';

export const VALID = { endpoint: 'https://app.example/api', ...DEVICE };
export const REGISTER = { endpoint: VALID.endpoint, register: '() => ({})' };

/** Options as a page without TypeScript may give them, and the option that the error must name. */
export const INVALID: [string, unknown, string][] = [
  ['nothing', undefined, 'endpoint'],
  ['null', null, 'endpoint'],
  ['a string', 'https://app.example/api', 'endpoint'],
  ['no options', {}, 'endpoint'],
  ['no endpoint', DEVICE, 'endpoint'],
  ...[
    '',
    ' ',
    'app.example/api',
    'ftp://app.example/api',
    'https://',
    'https:///',
    'https://app.example:port/api',
    'https://[app]/api',
    ' https://app.example/api',
    'https://app.example/a pi',
    'https://user:secret@app.example/api',
    'https://app.example/api?code=secret',
    'https://app.example/api#x',
    'javascript:alert(1)',
    7,
    true,
    null,
    {},
    [],
    [VALID.endpoint],
    { href: VALID.endpoint },
  ].map((endpoint): [string, unknown, string] => [
    `endpoint ${JSON.stringify(endpoint)}`,
    { ...VALID, endpoint },
    'endpoint',
  ]),
  ...['batchSize', 'batchTime', 'maxQueued'].flatMap((name) =>
    ['10', -1, 1.5, 2 ** 31, 'NaN', 'Infinity', null, true, [5], {}].map(
      (value): [string, unknown, string] => [
        `${name} ${JSON.stringify(value)}`,
        { ...VALID, [name]: value },
        name,
      ],
    ),
  ),
  ...['yes', 1, 0, null, {}].map((consent): [string, unknown, string] => [
    `consent ${JSON.stringify(consent)}`,
    { ...VALID, consent },
    'consent',
  ]),
  ['endpoint as a URL object', { ...VALID, endpoint: `new URL('${VALID.endpoint}')` }, 'endpoint'],
  ['no device', { endpoint: VALID.endpoint }, 'deviceId and deviceKey'],
  ['no device key', { ...VALID, deviceKey: undefined }, 'deviceKey'],
  ['no device id', { ...VALID, deviceId: undefined }, 'deviceId'],
  ['an empty device id', { ...VALID, deviceId: '' }, 'deviceId'],
  ['a device id that is a number', { ...VALID, deviceId: 7 }, 'deviceId'],
  ['a device id of 300 characters', { ...VALID, deviceId: 'x'.repeat(300) }, 'deviceId'],
  ['a device key that is a number', { ...VALID, deviceKey: 7 }, 'deviceKey'],
  ['a device key of 300 characters', { ...VALID, deviceKey: 'x'.repeat(300) }, 'deviceKey'],
  ['a device key with a line break', { ...VALID, deviceKey: `${DEVICE.deviceKey}\n` }, 'deviceKey'],
  ['register that is no function', { endpoint: VALID.endpoint, register: '/visitors' }, 'register'],
  ['register that is null', { endpoint: VALID.endpoint, register: null }, 'register'],
  ['a device and register', { ...VALID, register: '() => ({})' }, 'register'],
];

/** JSON has no NaN, Infinity or functions. */
export const literal = (options: unknown): string =>
  (options === undefined ? 'undefined' : JSON.stringify(options)).replace(
    /"(NaN|Infinity|\(\) => \(\{\}\)|new URL\('[^"]+'\))"/g,
    '$1',
  );
