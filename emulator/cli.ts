import { Command, InvalidArgumentError, Option } from 'commander';
import { MAX_PARTITIONS } from './hub';
import { startEmulator, type Emulator } from './startEmulator';
import { THROTTLE_TIERS, type ThrottleTier } from './throttle';
import { CONSUMER_GROUPS, EVENT_HUB_NAME, POLICY_NAMES } from './wellKnown';

const DEFAULT_HUB_PORT = 8443;
const DEFAULT_AMQP_PORT = 5672;
const DEFAULT_PARTITIONS = 4;
const MAX_PORT = 65_535;

interface Flags {
  readonly hubPort: number;
  readonly amqpPort: number;
  readonly partitions: number;
  readonly caFolder: string;
  readonly throttle: ThrottleTier;
  readonly allowedHosts?: readonly string[];
}

/** A whole number in a range, for commander; it words the error with the flag's name. */
const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  }
  return value;
};

/**
 * The command line: starts the emulator and prints `emulator ready https://… amqp://…` last. It runs until SIGINT or
 * SIGTERM and then exits 0; it exits 1 after one line on stderr when a flag is wrong or a port is taken.
 *
 * @param argv the arguments alone, without node and the script
 */
export async function main(argv: readonly string[]): Promise<void> {
  const port = integer(0, MAX_PORT);
  const command = new Command('emulator')
    .description(
      'An Azure IoT Hub on this machine, for the unmodified Azure SDKs. It listens on 127.0.0.1 only.',
    )
    .option(
      '--hub-port <port>',
      'HTTPS: identity registry, telemetry, admin API (0: any free)',
      port,
      DEFAULT_HUB_PORT,
    )
    .option(
      '--amqp-port <port>',
      'AMQP: the Event Hub-compatible endpoint (0: any free)',
      port,
      DEFAULT_AMQP_PORT,
    )
    .option('--partitions <count>', '1 to 32', integer(1, MAX_PARTITIONS), DEFAULT_PARTITIONS)
    .option('--ca-folder <folder>', "where the emulator's certificate authority is kept", '.hubfront')
    .addOption(
      new Option('--throttle <tier>', 'limits of one unit of this tier')
        .choices(THROTTLE_TIERS)
        .default('none'),
    )
    .addOption(
      new Option('--allowed-hosts <names>', 'host names to serve beside localhost, separated by commas')
        .env('HUBFRONT_ALLOWED_HOSTS')
        .argParser((names: string) =>
          names
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== ''),
        ),
    )
    .allowExcessArguments(false)
    .action(run);
  await command.parseAsync([...argv], { from: 'user' });
}

async function run(flags: Flags): Promise<void> {
  let emulator: Emulator | undefined;
  let stopping = false;
  const stop = () => {
    // Ctrl-C may come twice: from the terminal, and passed on by npm.
    if (stopping) return;
    stopping = true;
    void (emulator?.close() ?? Promise.resolve()).then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    emulator = await startEmulator({ ...flags, log: (line) => console.error(line) });
  } catch (error) {
    console.error(startError(error as NodeJS.ErrnoException & { port?: number }, flags));
    process.exitCode = 1;
    return;
  }
  console.log(`hub            ${emulator.hostName}`);
  console.log(`event hub      ${EVENT_HUB_NAME} (consumer groups ${CONSUMER_GROUPS.join(', ')})`);
  console.log(
    `policies       ${POLICY_NAMES.join(', ')}: keys and connection strings are in emulator/wellKnown.ts`,
  );
  console.log(`CA certificate ${emulator.caFile}`);
  console.log(`emulator ready ${emulator.endpoint} amqp://127.0.0.1:${emulator.amqpPort}`);
}

function startError(error: NodeJS.ErrnoException & { port?: number }, flags: Flags): string {
  const flag = error.port === flags.amqpPort ? '--amqp-port' : '--hub-port';
  if (error.code === 'EADDRINUSE') return `port ${error.port ?? 0} is in use: choose another with ${flag}`;
  if (error.code === 'EACCES' && error.port !== undefined) {
    return `port ${error.port} needs privileges: choose another with ${flag}`;
  }
  return `the emulator could not start: ${error.message}`;
}
