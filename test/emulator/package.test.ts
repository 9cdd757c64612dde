// @module-tag full

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const TSC = resolve('node_modules/typescript/bin/tsc');

/** An empty project of somebody else's, with the packed emulator installed. */
let project: string;
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'hubfront-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: 'emulator/package',
  });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'theirs', private: true }));
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(project, filename)], {
    cwd: project,
  });
});
afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

const isListening = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });

/** The status and the text of the admin page. */
async function adminPageOf(port: number): Promise<string> {
  const ca = await readFile(join(project, '.hubfront', 'ca.pem'));
  return new Promise((done, fail) => {
    get({ host: '127.0.0.1', port, path: '/_emulator/', ca, agent: false }, (response) => {
      text(response).then((body) => done(`${response.statusCode ?? 0} ${body}`), fail);
    }).on('error', fail);
  });
}

describe('the packed emulator, in an empty folder,', () => {
  test('starts by npx, and stops by Ctrl-C', async () => {
    const flags = [
      '--hub-port',
      '0',
      '--amqp-port',
      '0',
      '--mqtt-port',
      '0',
      '--proxy-port',
      '0',
      '--hub',
      'theirs',
    ];
    const child = spawn('npx', ['hubfront-emulator', ...flags], { cwd: project, detached: true });
    const exited = new Promise((done) => child.once('exit', done));
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.startsWith('emulator ready')) break;
    }
    expect(lines.at(-1)).toMatch(
      /^emulator ready https:\/\/127\.0\.0\.1:\d+ amqp:\/\/127\.0\.0\.1:\d+ mqtts:\/\/127\.0\.0\.1:\d+$/,
    );
    expect(lines.join('\n')).toContain('theirs.azure-devices.localhost');
    const port = Number(/:(\d+) amqp/.exec(lines.at(-1) ?? '')?.[1]);
    expect(await isListening(port)).toBe(true);
    expect(await adminPageOf(port)).toMatch(/^200 [\s\S]*<title>IoT Hub emulator<\/title>/);
    process.kill(-(child.pid ?? 0), 'SIGINT'); // as a terminal does: to the whole group
    await exited;
    await expect.poll(() => isListening(port)).toBe(false);
  });

  test('runs in a test file that imports it', async () => {
    const file = join(project, 'theirs.test.mjs');
    await writeFile(
      file,
      `import assert from 'node:assert';
       import test from 'node:test';
       import { startEmulator } from 'hubfront-emulator';
       test('their own', async () => {
         const emulator = await startEmulator({ partitions: 2, storage: 'UseDevelopmentStorage=true' });
         emulator.admin.seed({ count: 3 });
         assert.equal(emulator.admin.state().messages, 3);
         await emulator.close();
       });`,
    );
    const { stdout } = await run(process.execPath, ['--test', file], { cwd: project });
    expect(stdout).toMatch(/pass 1\b/);
  });

  test('has types', async () => {
    await writeFile(
      join(project, 'theirs.mts'),
      `import { startEmulator, type Emulator } from 'hubfront-emulator';
       const emulator: Emulator = await startEmulator({ hub: 'theirs' });
       export const text: string = emulator.connectionStrings.eventHub('service');
       // @ts-expect-error an option that there is not
       await startEmulator({ port: 1 });`,
    );
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
    await run(process.execPath, [TSC, ...options, 'theirs.mts'], { cwd: project });
  });
});
