import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, type Stack, startStack } from '../stack';
import { findProgram } from './programs';
import { CLIENT } from './rubyWorker';

const run = promisify(execFile);
const DEVICE = { deviceId: 'd-1', deviceKey: Buffer.alloc(32, 1).toString('base64') };
const PROGRAM = `
  require "hubfront"
  feed = Hubfront::MessageFeed.new(**Hubfront::FeedOptions.from_environment, wait: 0,
                                   cursor_store: Hubfront::CursorFile.new("feed.cursor"))
  feed.each_batch do |batch|
    batch.messages.each { |message| puts message.body["Data"] }
    feed.stop unless batch.has_more?
  end
  puts $LOADED_FEATURES.grep(/hubfront/)`;

describe.skipIf(!findProgram('gem', 'ruby'))('the Ruby gem', () => {
  let stack: Stack;
  let folder: string;
  beforeAll(async () => {
    stack = await startStack();
    folder = await mkdtemp(join(tmpdir(), 'hubfront-gem-'));
  });
  afterAll(async () => {
    await stack.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('can be built and installed in an empty folder, and reads the feed without the repository', async () => {
    const source = join(folder, 'source');
    const installed = join(folder, 'installed');
    const empty = join(folder, 'empty');
    await cp(CLIENT, source, { recursive: true });
    await mkdir(empty);
    const { stdout: built } = await run('gem', ['build', 'hubfront.gemspec'], { cwd: source });
    const file = /File: (hubfront-.*\.gem)/.exec(built)?.[1] ?? '';
    const options = ['--local', '--no-document', '--install-dir', installed];
    await run('gem', ['install', ...options, join(source, file)], { cwd: empty });
    await rm(source, { recursive: true });

    await stack.register(DEVICE.deviceId, DEVICE.deviceKey);
    await stack.send({ ...DEVICE, deviceMessage: 'hello' });
    const { stdout } = await run('ruby', ['-e', PROGRAM], {
      cwd: empty,
      env: {
        ...process.env,
        GEM_HOME: installed,
        GEM_PATH: installed,
        FEED_URL: `${stack.host.url}/api/message_feed`,
        FEED_KEY: KEY,
      },
    });
    const [said, ...loaded] = stdout.trimEnd().split('\n');
    expect(said).toBe('hello');
    expect(loaded.length).toBeGreaterThan(5);
    for (const path of loaded) expect(path.startsWith(installed), path).toBe(true);
    expect(await readFile(join(empty, 'feed.cursor'), 'utf8')).toMatch(/^[\w-]+$/);
  });

  test('carries the licence of the project', async () => {
    expect(await readFile(join(CLIENT, 'LICENSE'), 'utf8')).toBe(await readFile('LICENSE', 'utf8'));
  });
});
