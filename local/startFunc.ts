import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { connect } from 'node:net';
import { startEmulator } from '../emulator/index';
import { buildApp } from './build';
import { DEFAULT_PORTS } from './defaultPorts';
import { type Running, closeAll, startError, stopOnSignal } from './lifecycle';
import { usualPort } from './reservePorts';
import { EXAMPLE_FILE, SETTINGS_FILE } from './settingsFile';

/**
 * `npm run start:func`: starts the emulator, and Azure's Core Tools in this folder. Arguments are passed to `func
 * start`.
 */
export async function main(argv: readonly string[]): Promise<void> {
  if (spawnSync('func', ['--version'], { shell: process.platform === 'win32' }).status !== 0) {
    console.error(
      "Azure Functions Core Tools are not installed: there is no 'func' on PATH. See https://aka.ms/func-core-tools",
    );
    process.exit(1);
  }
  const running: Running[] = [];
  stopOnSignal(running);
  try {
    await buildApp();
    running.push(
      await startEmulator({
        hubPort: DEFAULT_PORTS.hub,
        amqpPort: DEFAULT_PORTS.amqp,
        // No setting contains this port, so any free port will do.
        mqttPort: await usualPort(DEFAULT_PORTS.mqtt),
        partitions: 4,
        caFolder: '.hubfront',
      }),
    );
    if (!(await isListening(DEFAULT_PORTS.blob))) running.push(startAzurite());
    if (!existsSync(SETTINGS_FILE)) {
      copyFileSync(EXAMPLE_FILE, SETTINGS_FILE);
      console.log(`${SETTINGS_FILE} was created from ${EXAMPLE_FILE}`);
    }
    const func = spawn('func', ['start', ...argv], { stdio: 'inherit', shell: process.platform === 'win32' });
    running.push(child(func));
    func.once('exit', (code) => {
      void closeAll(running).then(() => process.exit(code ?? 0));
    });
  } catch (error) {
    const isPortInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const advice = `. Stop the program that uses it: ${SETTINGS_FILE} requires this port.`;
    console.error(`${startError(error)}${isPortInUse ? advice : ''}`);
    await closeAll(running);
    process.exit(1);
  }
}

/** The real host stores the timers' schedules in Blob storage. */
function startAzurite(): Running {
  const azurite = spawn(
    process.execPath,
    [
      require.resolve('azurite/dist/src/blob/main.js'),
      ...['--blobHost', '127.0.0.1', '--blobPort', String(DEFAULT_PORTS.blob)],
      ...['--inMemoryPersistence', '--skipApiVersionCheck', '--silent'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return child(azurite);
}

function child(process: ChildProcess): Running {
  return {
    close: () =>
      new Promise((resolve) => {
        if (process.exitCode !== null || process.signalCode !== null) {
          resolve();
          return;
        }
        process.once('exit', () => {
          resolve();
        });
        process.kill('SIGINT');
      }),
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (listening: boolean): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
}
