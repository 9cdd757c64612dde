// The entry behind every npm script. It needs nothing but Node: it installs what is missing, then runs the command in
// this very process, so that Ctrl-C and exit codes are the command's own.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MIN_NODE = [20, 19];

/** Each file exports `main(argv)`. */
const COMMANDS = {
  start: 'local/start.ts',
  host: 'local/host.ts',
  'start:func': 'local/startFunc.ts',
  emulator: 'emulator/cli.ts',
  build: 'local/build.ts',
  test: 'local/test.ts',
  analytics: 'analytics/cli.ts',
  'products:database': 'local/products/database.ts',
  'products:storage': 'local/products/blobStorage.ts',
  dashboard: 'local/dashboard/process.ts',
  bench: 'bench/index.ts',
  screenshots: 'local/screenshots.ts',
  openapi: 'local/openApi/index.ts',
  'infra:check': 'infra/check/index.ts',
  'infra:hook': 'infra/hooks/index.ts',
  'package:check': 'infra/check/deployPackage.ts',
};

/** Ctrl-C ends these with 0, also before they have begun. */
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

process.chdir(PROJECT);
const stopped = () => process.exit(0);
const signals = SERVERS.includes(command) ? ['SIGINT', 'SIGTERM'] : [];
for (const signal of signals) process.on(signal, stopped);
installWhatIsMissing();
createRequire(join(PROJECT, 'package.json'))('tsx/cjs');
const { main } = createRequire(join(PROJECT, 'package.json'))(`./${file}`);
// It listens for signals of its own at once. One that came while all was loaded is still to be delivered: were there
// no listener in between, it would be lost.
const ended = main(argv);
for (const signal of signals) process.off(signal, stopped);
await ended;

function installWhatIsMissing() {
  const installed = join('node_modules', '.package-lock.json');
  const missing = !existsSync(installed);
  if (!missing && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  console.log(
    `Installing packages (node_modules is ${missing ? 'absent or incomplete' : 'older than package-lock.json'})`,
  );
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail('npm ci failed: see above.');
}
