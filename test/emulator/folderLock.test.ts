import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFolder } from '../../emulator/dataFolder/folderLock';
import { startEmulator } from '../../emulator/index';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
});
afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
});

const lockFile = () => join(folder, 'lock');

test('a lock is one file, and leaves none', async () => {
  const unlock = lockFolder(folder);
  expect(await readdir(folder)).toEqual(['lock']);
  expect(await readFile(lockFile(), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  unlock();
  expect(await readdir(folder)).toEqual([]);
});

test('a lock of a process that has ended is replaced', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  await writeFile(lockFile(), `${child.pid} 1`);
  lockFolder(folder)();
  expect(await readdir(folder)).toEqual([]);
});

test.skipIf(process.platform !== 'linux')('a lock of a zombie is replaced', async () => {
  // The second `sleep` replaces the shell, and does not wait for the shell's child.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(output.toString());
    const fields = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    const program = () => readFile(`/proc/${parent.pid}/comm`, 'utf8');
    await expect.poll(program).toBe('sleep\n');
    process.kill(pid);
    await expect.poll(async () => (await fields())[0]).toBe('Z');
    await writeFile(lockFile(), `${pid} ${(await fields())[19]}`);
    lockFolder(folder)();
  } finally {
    parent.kill('SIGKILL');
  }
});

test.skipIf(process.getuid?.() === 0)(
  'a stale lock in a folder that cannot be written is an error',
  async () => {
    await writeFile(lockFile(), '0 1');
    await chmod(folder, 0o555);
    expect(() => lockFolder(folder)).toThrow(/EACCES/);
  },
);

test('if a hub cannot release its folder, the others still do', async () => {
  const options = { caFolder: folder, dataFolder: join(folder, 'data') };
  const emulator = await startEmulator({ ...options, hub: ['broken', 'whole'] });
  const lock = join(options.dataFolder, 'broken.azure-devices.localhost', 'lock');
  await rm(lock);
  await mkdir(lock); // cannot be deleted as a file, even by root
  await expect(emulator.close()).rejects.toThrow('broken.azure-devices.localhost');
  const next = await startEmulator({ ...options, hub: 'whole' });
  expect(next.health().status).toBe('ready');
  await next.close();
});
