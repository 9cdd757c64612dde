import { execFile, execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../freePort';
import { ANY_PORT, PORT_FLAGS, launch } from './startedStack';

const run = promisify(execFile);
/** What npm and Node are told on machines of production. */
const PRODUCTION = { NODE_ENV: 'production', NPM_CONFIG_OMIT: 'dev' };
/** npm installs all packages from its registry. */
const WHOLE_START_MS = 600_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A file system of its own, which only root or a user with namespaces can mount. */
const canMount = (() => {
  try {
    execFileSync('unshare', ['-rm', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('npm start', () => {
  test(
    'twice at the same time on the same ports: one runs, or each says in our words why it does not',
    { tags: 'full' },
    async () => {
      const ports = await Promise.all(PORT_FLAGS.map(async (flag) => [flag, String(await freePort())]));
      const starts = [0, 1].map(() => launch('start', [...ports.flat(), '--no-analytics']));
      const outcomes = await Promise.all(
        starts.map(({ exit, printed }) => Promise.race([exit, printed(/^(ready) /m)])),
      );
      for (const [i, { process: child, exit, out, err }] of starts.entries()) {
        child.kill('SIGINT');
        await exit;
        expect(`${out()}${err()}`).not.toMatch(/^\s+at .*:\d+/m);
        if (outcomes[i] === 1) expect(err()).toMatch(/^port \d+ is in use: choose another with --/m);
        else expect([outcomes[i], err()]).toEqual(['ready', '']);
      }
    },
  );

  test(
    'twice at the same time on any ports: both run, each with its own database, storage and dashboard',
    { tags: 'full' },
    async () => {
      const ownPorts = ['--dashboard-port', '--database-port', '--blob-port'];
      const ports = PORT_FLAGS.filter((flag) => !ownPorts.includes(flag)).flatMap((flag) => [flag, '0']);
      const starts = [0, 1].map(() => launch('start', ports));
      const urls = await Promise.all(
        starts.flatMap(({ printed }) =>
          ['dashboard', 'products', 'storage'].map((part) => printed(new RegExp(`^${part} +(\\S+)`, 'm'))),
        ),
      );
      expect(new Set(urls).size).toBe(urls.length);
      for (const { process: child, exit, out, err } of starts) {
        child.kill('SIGINT');
        expect(await exit).toBe(0);
        expect(`${out()}${err()}`).not.toMatch(/ is in use| ended |^\s+at .*:\d+/m);
      }
    },
  );

  test.skipIf(!canMount)('says in one line that the temporary folder is full', { tags: 'full' }, async () => {
    const command = `mount -t tmpfs -o size=64k none "$0" && TMPDIR="$0" exec "$@"`;
    const args = [process.execPath, 'local/launch.mjs', 'start', ...ANY_PORT];
    const started = run('unshare', ['-rm', 'sh', '-c', command, folder, ...args], { timeout: 50_000 });
    await expect(started).rejects.toMatchObject({
      code: 1,
      stderr: `could not start: no space left on device (temporary folder: ${folder})\n`,
    });
  });

  test.each(['start', 'emulator'])(
    'says in one line that the temporary folder cannot be used: npm run %s',
    async (command) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      const started = run(process.execPath, ['local/launch.mjs', command, ...ANY_PORT], {
        env: { ...process.env, TMPDIR: join(file, 'tmp') },
      });
      await expect(started).rejects.toMatchObject({
        code: 1,
        stderr: `could not start: cannot write files (ENOTDIR) (temporary folder: ${join(file, 'tmp')})\n`,
      });
    },
  );

  test(
    'installs what it needs on a machine of production, in a folder of any name',
    { tags: 'full' },
    async () => {
      // A project of the same form, whose packages need no network.
      const project = join(folder, `a #b %25 é 'c' "d"`);
      await mkdir(join(project, 'local'), { recursive: true });
      await mkdir(join(project, 'loader'));
      await cp('local/launch.mjs', join(project, 'local', 'launch.mjs'));
      await writeFile(
        join(project, 'local', 'start.ts'),
        `exports.main = async () => console.log('started');`,
      );
      await writeFile(join(project, 'loader', 'package.json'), '{"name": "tsx", "version": "1.0.0"}');
      await writeFile(join(project, 'loader', 'cjs.js'), '');
      await writeFile(
        join(project, 'package.json'),
        JSON.stringify({ name: 'project', version: '1.0.0', devDependencies: { tsx: 'file:./loader' } }),
      );
      await run('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], { cwd: project });
      const { stdout } = await run(process.execPath, [join(project, 'local', 'launch.mjs'), 'start'], {
        env: { ...process.env, ...PRODUCTION, NPM_CONFIG_OFFLINE: 'true' },
      });
      expect(stdout.trimEnd().split('\n').at(-1)).toBe('started');
    },
  );

  test(
    'runs as a whole in a folder of any name, on a machine of production',
    { tags: 'full', timeout: 2 * WHOLE_START_MS },
    async () => {
      const project = join(folder, `a #b %25 é 'c' "d"`);
      await run('git', ['clone', '--quiet', process.cwd(), project]);
      await run('cp', ['-a', 'node_modules', project]);
      const args = [join(project, 'local', 'launch.mjs'), 'start', ...ANY_PORT];
      const child = execFile(process.execPath, args, { env: { ...process.env, ...PRODUCTION } });
      let out = '';
      child.stdout?.on('data', (text: string) => (out += text));
      child.stderr?.on('data', (text: string) => (out += text));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      try {
        await expect
          .poll(() => out, { timeout: WHOLE_START_MS })
          .toMatch(/^analytics uses the reference data /m);
      } finally {
        child.kill('SIGINT');
        await ended;
      }
    },
  );
});
