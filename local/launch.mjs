// The entry of every npm script. It only needs Node. It installs missing packages, then runs the command in this
// process, so that Ctrl-C and exit codes work as for the command itself.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MIN_NODE = [20, 19];
/** Interval of progress messages during an installation. */
const PROGRESS_MS = 10_000;
const LOCK_POLL_MS = 500;
const PARENT_POLL_MS = 500;

/** Each file exports `main(argv)`. */
const COMMANDS = {
  start: 'local/start.ts',
  host: 'local/host.ts',
  'start:func': 'local/startFunc.ts',
  emulator: 'emulator/cli.ts',
  build: 'local/build.ts',
  test: 'local/test.ts',
  analytics: 'analytics/cli.ts',
  'analytics:coverage': 'analytics/survey/index.ts',
  'products:database': 'local/products/database.ts',
  'products:prepare': 'local/products/prepareDatabase.ts',
  'products:storage': 'local/products/blobStorage.ts',
  dashboard: 'local/dashboard/process.ts',
  sensors: 'local/sensors/process.ts',
  bench: 'bench/index.ts',
  screenshots: 'local/screenshots.ts',
  openapi: 'local/openApi/index.ts',
  devices: 'local/devices/index.ts',
  'infra:check': 'infra/check/index.ts',
  'infra:hook': 'infra/hooks/index.ts',
  'package:check': 'infra/check/deployPackage.ts',
};

/** Commands that exit with 0 on Ctrl-C, even before they have started. */
const SERVERS = ['start', 'host', 'start:func', 'emulator'];

function fail(line) {
  console.error(line);
  process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1])) {
  fail(`Hubfront needs Node ${MIN_NODE.join('.')} or newer; this is ${process.versions.node}.`);
}
const [command, ...argv] = process.argv.slice(2);
const file = COMMANDS[command];
if (file === undefined)
  fail(`Unknown command '${command ?? ''}'. There are: ${Object.keys(COMMANDS).join(', ')}.`);

// tsx treats the part of a path after a question mark as a query.
if (PROJECT.includes('?')) fail(`Hubfront cannot run in a folder with a '?' in its path: ${PROJECT}`);

process.chdir(PROJECT);
requireTemporaryFolder();
bypassProxyForLoopback();
const isServer = SERVERS.includes(command);
let installer;
const SIGNALS = ['SIGINT', 'SIGTERM'];
for (const signal of SIGNALS) process.on(signal, stopped);
const parentPoll = stopWithNpm();
await installWhatIsMissing();
if (!isServer) {
  clearInterval(parentPoll);
  for (const signal of SIGNALS) process.off(signal, stopped);
}
createRequire(join(PROJECT, 'package.json'))('tsx/cjs');
const { main } = createRequire(join(PROJECT, 'package.json'))(`./${file}`);
// `main` adds the command's own signal listeners at once, and only then are these removed. Otherwise a signal that
// arrived during loading, which is delivered later, could be lost.
const ended = main(argv);
for (const signal of SIGNALS) process.off(signal, stopped);
await ended;

/**
 * Ends an installation first: npm restores what it has removed, and a further start must not install beside it.
 */
function stopped(signal) {
  const exit = () => process.exit(isServer ? 0 : 128 + constants.signals[signal]);
  if (installer === undefined) exit();
  installer.once('exit', exit);
  // A second signal would interrupt npm while it restores. On Ctrl-C, a terminal signals npm, too.
  const isSignalled = installer.killed || (signal === 'SIGINT' && process.stdin.isTTY);
  if (!isSignalled) installer.kill();
}

/** tsx and most parts write to the temporary folder, and each would fail with a different message. */
function requireTemporaryFolder() {
  try {
    mkdirSync(tmpdir(), { recursive: true });
    rmdirSync(mkdtempSync(join(tmpdir(), 'hubfront-')));
  } catch ({ code }) {
    const why = code === 'ENOSPC' ? 'no space left on device' : `cannot write files (${code})`;
    fail(`could not start: ${why} (temporary folder: ${tmpdir()})`);
  }
}

/**
 * All parts communicate on the loopback interface. With HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, the Azure SDKs (and with
 * NODE_USE_ENV_PROXY Node itself) would use a proxy for that. Child processes inherit NO_PROXY.
 */
function bypassProxyForLoopback() {
  const loopback = ['localhost', '127.0.0.1', '::1', '[::1]', '.localhost'];
  const named = [process.env.NO_PROXY, process.env.no_proxy].flatMap((list) => (list ?? '').split(','));
  const names = [...new Set([...named.map((name) => name.trim()), ...loopback])].filter(
    (name) => name !== '',
  );
  process.env.NO_PROXY = process.env.no_proxy = names.join(',');
}

/**
 * npm forwards SIGTERM to the shell that runs the script. Some shells, such as Debian's, end without forwarding it,
 * and this process then gets another parent. On Windows, the parent id does not change.
 */
function stopWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const { ppid } = process;
  return setInterval(() => {
    if (process.ppid !== ppid) process.kill(process.pid, 'SIGTERM');
  }, PARENT_POLL_MS).unref();
}

async function installWhatIsMissing() {
  if (isInstalled()) return;
  await inTurn(async (lock) => {
    if (isInstalled()) return; // another start has done it in the meantime
    const started = Date.now();
    const seconds = () => `${Math.round((Date.now() - started) / 1_000)} s`;
    console.log(
      `Installing packages with npm ci, which takes about a minute: ${missingPackages()[0] ? 'some are missing' : 'package-lock.json has changed'}`,
    );
    const progress = setInterval(() => {
      console.log(`Installing packages: not done after ${seconds()}`);
    }, PROGRESS_MS);
    // Also installs development packages, regardless of NODE_ENV and npm's settings, because they build and run the
    // stack.
    const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
    installer = spawn('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
    // Without truncation: a start that reads an empty file would take the lock.
    if (installer.pid !== undefined) appendFileSync(lock, ` ${installer.pid}`);
    const status = await new Promise((resolve) => {
      installer.once('exit', resolve).once('error', resolve);
    });
    installer = undefined;
    clearInterval(progress);
    if (status !== 0) fail('npm ci failed: see above.');
    console.log(`Installing packages: done in ${seconds()}`);
  });
}

function isInstalled() {
  const installed = join('node_modules', '.package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs)
    return false;
  return missingPackages().length === 0;
}

function missingPackages() {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.filter((name) => !existsSync(join('node_modules', name, 'package.json')));
}

/**
 * Two starts on a fresh clone must not install at the same time, because each would remove the packages of the other.
 * The lock contains the ids of this process and of the installer, which continues if this process is killed.
 */
async function inTurn(work) {
  const lock = join('.hubfront', 'install.lock');
  mkdirSync('.hubfront', { recursive: true });
  for (let waited = false; ; waited = true) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      const owners = readFileSync(lock, { encoding: 'utf8', flag: 'a+' }).split(' ').map(Number);
      if (!owners.some(isAlive)) rmSync(lock, { force: true });
      else if (!waited) console.log('Waiting for another start, which is installing the packages');
    }
    await delay(LOCK_POLL_MS);
  }
  process.once('exit', () => rmSync(lock, { force: true }));
  await work(lock);
  rmSync(lock, { force: true });
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
