import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HUB_HOST_NAME } from '../../emulator/wellKnown';
import { KEY, type Stack, startStack } from '../stack';
import { fullAfter } from '../testSize';
import { findProgram } from './programs';

const SCRIPT = join('clients', 'phone', 'hubfront-phone.sh');
const DEVICE_KEY = Buffer.alloc(32, 7).toString('base64');
/** Shells that people have as `sh`: Debian's, macOS's, Alpine's, Android's. Each run of the script takes CPU time. */
const SHELLS = [
  ['dash'],
  ['bash', '--posix'],
  ['bash'],
  ['busybox', 'sh'],
  ['mksh'],
  ['yash'],
  ['zsh', '--emulate', 'sh'],
];
const tools = findProgram('curl', 'curl') && findProgram('openssl', 'openssl');

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const isInstalled = ([shell = '']: string[]): boolean => {
  try {
    execFileSync('which', [shell]);
    return true;
  } catch {
    return false;
  }
};

interface Ended {
  code: number | null;
  out: string;
  error: string;
}

function run(
  shell: string[],
  args: string[],
  input?: string,
  settings: Record<string, string> = {},
): Promise<Ended> {
  const [command = '', ...options] = shell;
  const child = spawn(command, [...options, SCRIPT, ...args], {
    env: {
      ...process.env,
      DEVICE_KEY,
      FUNCTION_KEY: KEY,
      HUB_URL: stack.emulator.endpoint,
      CURL_CA_BUNDLE: stack.emulator.caFile,
      ...settings,
    },
  });
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  child.stdin.on('error', () => undefined); // it may end before it has read all
  child.stdin.end(input ?? '');
  return new Promise((resolve) =>
    child.once('close', (code) => {
      resolve({ code, out, error });
    }),
  );
}

for (const [at, shell] of SHELLS.filter(isInstalled).entries()) {
  const name = shell.join(' ');
  describe.skipIf(!tools)(`hubfront-phone.sh in ${name}`, fullAfter(1, at), () => {
    const deviceId = `sh-${name.replace(/\W/g, '')}`;

    test('registers, and sends a message of nearly 256 KB from standard input unchanged', async () => {
      const registered = await run(shell, ['register', `${stack.host.url}/api`, deviceId]);
      expect(registered).toEqual({ code: 0, out: `${HUB_HOST_NAME}\n`, error: '' });
      const message = `\n{"text": "%s \\\\ \\" $HOME \`x\`",\n "long": "${'x'.repeat(261_000)}"}`;
      const sent = await run(shell, ['send', HUB_HOST_NAME, deviceId, 'm-1'], message);
      expect(sent).toEqual({ code: 0, out: '', error: '' });
      const { json } = await stack.feed();
      const bodies = (json.messages as { deviceId: string; body: { Data: unknown } }[])
        .filter((one) => one.deviceId === deviceId)
        .map(({ body }) => body.Data);
      expect(bodies).toEqual([JSON.parse(message)]);
    });

    test.each([
      ['a byte order mark', '\ufeff{"n":1}', { n: 1 }],
      ['leading white space', '\r\n\t -1', -1],
      ['percent signs, quotes and backslashes', `"100% \\"'%s %n\\\\ \\u0000"`, `100% "'%s %n\\ \0`],
    ])('sends a message with %s as it is meant', async (_, message, data) => {
      const { next_offset: after_offset } = (await stack.feed()).json;
      expect(await run(shell, ['send', HUB_HOST_NAME, deviceId, '-m'], message)).toMatchObject({
        code: 0,
        error: '',
      });
      expect(
        await run(shell, ['send', HUB_HOST_NAME, deviceId, '%41', message.replace('\ufeff', '')]),
      ).toMatchObject({ code: 0 });
      const { json } = await stack.feed({ after_offset });
      const sent = json.messages as { messageId: string; body: { Data: unknown } }[];
      expect(sent.map(({ messageId, body }) => [messageId, body.Data])).toEqual([
        ['-m', data],
        ['%41', data],
      ]);
    });

    test('distinguishes rejected messages from retryable ones by the exit code', async () => {
      const send = ['send', HUB_HOST_NAME, deviceId, 'm-2'];
      expect(await run(shell, send, `"${'x'.repeat(270_000)}"`)).toMatchObject({
        code: 1,
        error: expect.stringMatching(/^hubfront-phone: the server returned 413 \w+\n$/),
      });
      expect(await run(shell, send, '1', { HUB_URL: 'http://127.0.0.1:9' })).toMatchObject({ code: 75 });
      const wrongKey = await run(shell, ['register', `${stack.host.url}/api`, 'x'], '', {
        FUNCTION_KEY: 'sesame',
      });
      expect(wrongKey).toMatchObject({
        code: 1,
        error: expect.stringContaining('the function key is wrong'),
      });
    });

    test.each([
      ['no message', ['send', 'h', 'd', 'm'], {}, 'there is no message'],
      ['a blank message', ['send', 'h', 'd', 'm', ' \n\t '], {}, 'there is no message'],
      ['an endpoint that would be an option', ['register', '-x', 'd'], {}, 'ENDPOINT'],
      ['no endpoint', ['register', '', 'd'], {}, 'ENDPOINT'],
      ['an endpoint with a line end', ['register', 'http://h\n', 'd'], {}, 'ENDPOINT'],
      ['no host', ['send', '', 'd', 'm', '1'], {}, 'HOST'],
      ['a host that is a URL', ['send', 'https://h', 'd', 'm', '1'], {}, 'HOST'],
      ['a hub that is no URL', ['send', 'h', 'd', 'm', '1'], { HUB_URL: '--help' }, 'HUB_URL'],
      ['an id that would be a header', ['send', 'h', 'd', 'm"\nurl = "x', '1'], {}, 'MESSAGE_ID'],
      ['a device id that would be JSON', ['send', 'h', 'd","x":"', 'm', '1'], {}, 'DEVICE_ID'],
      ['no device key', ['send', 'h', 'd', 'm', '1'], { DEVICE_KEY: '' }, 'DEVICE_KEY'],
      ['no function key', ['register', 'http://127.0.0.1:9', 'd'], { FUNCTION_KEY: '' }, 'FUNCTION_KEY'],
      [
        'a function key of two lines',
        ['register', 'http://h', 'd'],
        { FUNCTION_KEY: 'a\nb' },
        'FUNCTION_KEY',
      ],
      ['no arguments', [], {}, 'hubfront-phone.sh key'],
    ])('ends with the reason for %s', async (_, args, settings, reason) => {
      const { code, error } = await run(shell, args, undefined, settings);
      expect(code).toBe(2);
      expect(error).toContain(reason);
      expect(error).not.toContain(DEVICE_KEY);
    });
  });
}
