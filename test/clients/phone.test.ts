import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SharedAccessSignature } from 'azure-iot-device';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import vectors from '../../clients/phone/sas-vectors.json';
import { HUB_HOST_NAME } from '../../emulator/wellKnown';
import { KEY, type Stack, startStack } from '../stack';
import { runs } from '../testSize';
import { type Driver, startDriver } from './phone/driverProcess';
import { SCRIPT, startScriptedServer } from './phone/scriptedServer';
import { findProgram } from './programs';

const PHONE = join('clients', 'phone');
const DRIVERS = join('test', 'clients', 'phone');
const DEVICE_KEY = Buffer.alloc(32, 7).toString('base64');
const hostName = HUB_HOST_NAME;
const OTHER_HUB = 'contoso.azure-devices.net';

/** A JVM that ends soon: compiling its hot code would take longer than it saves. */
const SHORT_LIVED = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const SHORT_LIVED_TOOL = SHORT_LIVED.map((option) => `-J${option}`);

const run = promisify(execFile);
let stack: Stack;
let built: string;
/** Options of a JVM that trusts the emulator. */
let trust: Promise<string[]> | undefined;
beforeAll(async () => {
  stack = await startStack();
  built = await mkdtemp(join(tmpdir(), 'hubfront-phone-'));
});
afterAll(async () => {
  await stack.close();
  await rm(built, { recursive: true, force: true });
});

/** How to run each client's driver, built where it has to be; undefined where its language is not installed. */
interface Language {
  missing: boolean;
  start: () => Promise<[command: string, args: string[], env?: Record<string, string>]>;
}

const java = findProgram('javac', 'default-jdk-headless');
const kotlin = findProgram('kotlinc', '--no-install-recommends kotlin');

const languages: Record<string, Language> = {
  TypeScript: {
    missing: false,
    start: () =>
      Promise.resolve([
        process.execPath,
        ['--import', 'tsx', join(DRIVERS, 'driver.ts')],
        { NODE_EXTRA_CA_CERTS: stack.emulator.caFile },
      ]),
  },
  'Java 11': {
    missing: !java,
    start: async () => {
      const folder = join(built, 'java');
      const sources = [join(PHONE, 'HubfrontPhone.java'), join(DRIVERS, 'Driver.java')];
      await run('javac', [
        ...SHORT_LIVED_TOOL,
        '--release',
        '11',
        '-Xlint:all',
        '-Werror',
        '-d',
        folder,
        ...sources,
      ]);
      return ['java', [...SHORT_LIVED, ...(await trustingTheEmulator()), '-cp', folder, 'Driver']];
    },
  },
  Kotlin: {
    missing: !kotlin,
    start: async () => {
      const jar = join(built, 'phone.jar');
      const sources = [join(PHONE, 'HubfrontPhone.kt'), join(DRIVERS, 'driver.kt')];
      await run('kotlinc', [...SHORT_LIVED_TOOL, ...sources, '-include-runtime', '-d', jar]);
      return ['java', [...SHORT_LIVED, ...(await trustingTheEmulator()), '-cp', jar, 'DriverKt']];
    },
  },
  shell: {
    missing: !(findProgram('curl', 'curl') && findProgram('openssl', 'openssl')),
    start: () => Promise.resolve([join(DRIVERS, 'driver.sh'), [], { CURL_CA_BUNDLE: stack.emulator.caFile }]),
  },
};

function trustingTheEmulator(): Promise<string[]> {
  trust ??= (async () => {
    const store = join(built, 'ca.p12');
    const options = ['-importcert', '-noprompt', '-alias', 'emulator', '-storepass', 'changeit'];
    const files = ['-keystore', store, '-file', stack.emulator.caFile];
    await run('keytool', [...SHORT_LIVED_TOOL, ...options, ...files]);
    return [`-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit'];
  })();
  return trust;
}

/** A Java virtual machine takes seconds of CPU time, and `phoneShell.test.ts` runs the shell client. */
const FULL_ONLY = ['Java 11', 'Kotlin', 'shell'];

for (const [name, { missing, start }] of Object.entries(languages))
  describe(`a phone in ${name}`, { tags: FULL_ONLY.includes(name) ? 'full' : [] }, () => {
    let driver: Driver;
    beforeAll(async () => {
      if (!missing) driver = startDriver(...(await start()));
    });
    afterAll(async () => {
      if (!missing) await driver.close();
    });
    const ask = (...commands: (string | number)[][]) => driver.ask(commands);

    const deviceId = `phone-${name.replace(/\W/g, '')}`;

    test.skipIf(missing)('creates the expected tokens of the test vectors', async () => {
      const tokens = await ask(
        ...vectors.map((vector) => [
          'token',
          vector.hostName,
          vector.deviceId,
          vector.deviceKey,
          vector.expiresAt,
        ]),
      );
      expect(tokens).toEqual(vectors.map(({ token }) => token));
    });

    test.skipIf(missing)('registers repeatedly, and sends its message directly to the hub', async () => {
      const register = ['register', `${stack.host.url}/api`, KEY, deviceId, DEVICE_KEY];
      const message = { event: 'app_opened', text: 'ゆき "x" \\ ' };
      const send = [
        'send',
        hostName,
        deviceId,
        DEVICE_KEY,
        stack.emulator.endpoint,
        'm-1',
        JSON.stringify(message),
      ];
      expect(await ask(register, register, send)).toEqual([hostName, hostName, 'sent']);
      const { json } = await stack.feed();
      const sent = (json.messages as { deviceId: string }[]).filter((one) => one.deviceId === deviceId);
      expect(sent).toMatchObject([
        {
          messageId: 'm-1',
          contentType: 'application/json',
          body: { deviceId, Data: message },
          ...(name === 'shell' ? {} : { properties: { level: 'low' } }),
        },
      ]);
    });

    test.skipIf(missing)('sends as a device whose id has all allowed characters', async () => {
      const strange = `${deviceId}-.%_*?!(),:=@$'`;
      expect((await stack.register(strange, DEVICE_KEY)).status).toBe(201);
      const send = ['send', hostName, strange, DEVICE_KEY, stack.emulator.endpoint, 'm-2', '1'];
      expect(await ask(send)).toEqual(['sent']);
    });

    test.skipIf(missing)('is rejected with a wrong key, or a token for another hub', async () => {
      await stack.register(deviceId, DEVICE_KEY);
      const wrongKey = Buffer.alloc(32, 8).toString('base64');
      const { endpoint } = stack.emulator;
      const refused = await ask(
        ['send', hostName, deviceId, wrongKey, endpoint, 'm', '1'],
        ['send', OTHER_HUB, deviceId, DEVICE_KEY, endpoint, 'm', '1'],
        ['send', hostName, 'nobody', DEVICE_KEY, endpoint, 'm', '1'],
      );
      expect(refused).toEqual(Array(3).fill('rejected 401 IotHubUnauthorizedAccess'));
    });

    test.skipIf(missing)('sends a message of 255 KB', async () => {
      const id = `${deviceId}-large`;
      await stack.register(id, DEVICE_KEY);
      const text = 'ゆ'.repeat(255 * 341);
      const send = ['send', hostName, id, DEVICE_KEY, stack.emulator.endpoint, 'm-3', JSON.stringify(text)];
      expect(await ask(send)).toEqual(['sent']);
      const { json } = await stack.feed();
      const sent = (json.messages as { deviceId: string }[]).filter((one) => one.deviceId === id);
      expect(sent).toMatchObject([{ body: { deviceId: id, Data: text } }]);
    });

    test.skipIf(missing)('counts only confirmations of Hubfront and the hub as success', async () => {
      const server = await startScriptedServer();
      // The shell starts a dozen processes for each request.
      const step = name === 'shell' ? runs(5, 1) : 1;
      const cases = SCRIPT.map((scripted, n) => ({ ...scripted, n })).filter(({ n }) => n % step === 0);
      const said = await ask(
        ...cases.flatMap(({ n }) => [
          ['register', `${server.url}/${n}`, KEY, deviceId, DEVICE_KEY],
          ['send', hostName, deviceId, DEVICE_KEY, `${server.url}/${n}`, 'm', '1'],
        ]),
      );
      await server.close();
      const got = cases.map(({ name }, i) => ({ name, register: said[2 * i], send: said[2 * i + 1] }));
      expect(got).toEqual(cases.map(({ name, register, send }) => ({ name, register, send })));
    });
  });

describe('the hub', () => {
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3_600;
  const token = (host: string, deviceId: string, expiresAt: number) =>
    SharedAccessSignature.create(host, deviceId, DEVICE_KEY, expiresAt).toString();

  test.each([
    ['a good token', () => token(hostName, 'phone-x', inAnHour()), '204'],
    ['a token that expired a minute ago', () => token(hostName, 'phone-x', inAnHour() - 3_660), '204'],
    ['a token that expired ten minutes ago', () => token(hostName, 'phone-x', inAnHour() - 4_200), '401'],
    ["another device's token", () => token(hostName, 'phone-y', inAnHour()), '401'],
    ['a token for another hub', () => token(OTHER_HUB, 'phone-x', inAnHour()), '401'],
    [
      'a token whose expiry was moved',
      () => token(hostName, 'phone-x', 1).replace('se=1', `se=${inAnHour()}`),
      '401',
    ],
  ])('answers %s rightly', async (_, make, status) => {
    for (const id of ['phone-x', 'phone-y']) await stack.register(id, DEVICE_KEY);
    const url = `${stack.emulator.endpoint}/devices/phone-x/messages/events?api-version=2021-04-12`;
    const options = [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--cacert',
      stack.emulator.caFile,
      '-d',
      '{}',
    ];
    const { stdout } = await run('curl', [...options, '-H', `Authorization: ${make()}`, url]);
    expect(stdout).toBe(status);
  });
});

test("the vectors are the hub's own SDK's", () => {
  // That SDK writes %2a where all others write %2A; the hub takes both.
  for (const vector of vectors.filter(({ deviceId: id }) => !id.includes('*'))) {
    const { deviceId, deviceKey, expiresAt } = vector;
    const made = SharedAccessSignature.create(vector.hostName, deviceId, deviceKey, expiresAt);
    expect(made.toString()).toBe(vector.token);
  }
});

test("the README's Swift listing is marked as not run here", async () => {
  expect(await readFile(join(PHONE, 'README.md'), 'utf8')).toContain('**not run** this listing');
});
