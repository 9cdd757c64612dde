import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionStrings, connectionStrings } from '../../emulator/connectionStrings';
import { hubIdentity } from '../../emulator/hubIdentity';

/** The emulator in a process of its own. */
export interface EmulatorProcess {
  readonly hostName: string;
  readonly hubPort: number;
  readonly amqpPort: number;
  readonly amqpsPort: number;
  readonly mqttPort: number;
  readonly ca: string;
  readonly caFile: string;
  readonly endpoint: string;
  readonly connectionStrings: ConnectionStrings;
  /** All that it has written, to both streams, as far as it has arrived: complete once `kill` or `stop` has resolved. */
  output(): string;
  /** Ends it without a chance to write anything. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const AMQPS = /^AMQP over TLS {2}amqps:\/\/127\.0\.0\.1:(\d+)$/m;
const READY = /^emulator ready \S+:(\d+) \S+:(\d+) \S+:(\d+)$/m;

export interface ProcessOptions {
  /** Holds the emulator's files: `ca` and `data`. */
  readonly folder: string;
  readonly flags?: readonly string[];
  /** A shell command that runs before, in the same process: `ulimit -f 100`. */
  readonly before?: string;
}

/** Starts the emulator with `--data`. @throws Error with its output if it ends before it is ready */
export async function startEmulatorProcess(options: ProcessOptions): Promise<EmulatorProcess> {
  const { folder, flags = [], before = ':' } = options;
  const caFolder = join(folder, 'ca');
  const ports = ['--hub-port', '0', '--amqp-port', '0', '--amqps-port', '0', '--mqtt-port', '0'];
  const args = [...ports, '--ca-folder', caFolder, '--data', join(folder, 'data'), ...flags];
  const command = [process.execPath, 'local/launch.mjs', 'emulator', ...args];
  const child = spawn('sh', ['-c', `${before}; exec "$@"`, 'sh', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // Unlike `exit`, it comes after the last output.
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const [hubPort = 0, amqpPort = 0, mqttPort = 0] = await new Promise<number[]>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const ready = READY.exec(output);
        if (ready) resolve(ready.slice(1).map(Number));
      });
    }
    child.once('close', () => reject(new Error(output)));
  });
  const end = (signal: NodeJS.Signals) => {
    signalOf(child, signal);
    return closed;
  };
  const caFile = join(caFolder, 'ca.pem');
  return {
    hostName: hubIdentity().hostName,
    hubPort,
    amqpPort,
    amqpsPort: Number(AMQPS.exec(output)?.[1]),
    mqttPort,
    caFile,
    ca: readFileSync(caFile, 'utf8'),
    endpoint: `https://127.0.0.1:${hubPort}`,
    connectionStrings: connectionStrings(hubIdentity(), `127.0.0.1:${amqpPort}`),
    output: () => output,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

function signalOf(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
}
