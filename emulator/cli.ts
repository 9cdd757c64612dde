/** The command that runs the emulator, and the lines that it prints. */

import { commandLine, DEFAULT_AMQPS_PORT, DEFAULT_MQTT_PORT, type Flags } from './commandLine';
import type { Emulator } from './emulatorOptions';
import { ownAddress, urlHost } from './listen';
import { startEmulator } from './startEmulator';
import { POLICY_NAMES } from './wellKnown';

type ListenError = NodeJS.ErrnoException & { port?: number };

/**
 * Starts the emulator, and prints `emulator ready https://… amqp://… mqtts://…` as its last line. It runs until SIGINT or
 * SIGTERM and then exits 0. If a flag is invalid or a port is in use, it prints one line on stderr and exits 1.
 *
 * @param argv the arguments, without node and the script
 */
export async function main(argv: readonly string[]): Promise<void> {
  await commandLine(run).parseAsync([...argv], { from: 'user' });
}

async function run(flags: Flags): Promise<void> {
  let emulator: Emulator | undefined;
  let stopping = false;
  const stop = () => {
    // Ctrl-C may arrive twice: from the terminal and from npm, which forwards it.
    if (stopping) return;
    stopping = true;
    void (emulator?.close() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(
          `the emulator could not close: ${error instanceof Error ? error.message : String(error)}`,
        );
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    emulator = await start(flags);
  } catch (error) {
    console.error(startError(error as ListenError, flags));
    process.exitCode = 1;
    return;
  }
  const host = urlHost(ownAddress(flags.listen));
  for (const hub of emulator.hubs) {
    console.log(`hub            ${hub.hostName}`);
    console.log(`event hub      ${hub.eventHubName} (consumer groups ${hub.consumerGroups.join(', ')})`);
    if (emulator.hubs.length > 1) console.log(`AMQP           amqp://${host}:${hub.amqpPort}`);
  }
  console.log(
    `policies ${POLICY_NAMES.join(', ')}: docs/emulator.md lists their keys and connection strings`,
  );
  if (emulator.provisioning) {
    const { idScope, globalHostName, hostName } = emulator.provisioning;
    console.log(`provisioning   id scope ${idScope}, devices ${globalHostName}, services ${hostName}`);
  }
  console.log(`CA certificate ${emulator.caFile}`);
  if (emulator.amqpsPort !== undefined) console.log(`AMQP over TLS  amqps://${host}:${emulator.amqpsPort}`);
  if (emulator.proxyPort !== undefined) {
    console.log(
      `proxy          HTTPS_PROXY=http://${host}:${emulator.proxyPort} SSL_CERT_FILE=${emulator.caFile}`,
    );
  }
  console.log(
    `emulator ready ${emulator.endpoint} amqp://${host}:${emulator.amqpPort} mqtts://${host}:${emulator.mqttPort}`,
  );
}

/**
 * Without their flags, AMQP and MQTT over TLS do not need their usual ports: if these are in use, AMQP over TLS is off,
 * and MQTT has another port.
 */
async function start(flags: Flags): Promise<Emulator> {
  const log = (line: string) => console.error(line);
  const { amqpsPort: amqpsFlag, data: dataFolder, trustedCa: trustedCas, ...others } = flags;
  let amqpsPort: number | undefined = amqpsFlag ?? DEFAULT_AMQPS_PORT;
  let mqttPort = flags.mqttPort ?? DEFAULT_MQTT_PORT;
  for (;;) {
    try {
      return await startEmulator({
        ...others,
        mqttPort,
        log,
        ...(amqpsPort !== undefined && { amqpsPort }),
        ...(dataFolder !== undefined && { dataFolder }),
        ...(trustedCas !== undefined && { trustedCas }),
      });
    } catch (error) {
      const { port = 0 } = error as ListenError;
      if (port === mqttPort && flags.mqttPort === undefined && port !== 0) {
        mqttPort = 0;
      } else if (port === amqpsPort && amqpsFlag === undefined) {
        amqpsPort = undefined;
        console.log(`AMQP over TLS  off: port ${port} is not free (choose another with --amqps-port)`);
      } else {
        throw error;
      }
    }
  }
}

function startError(error: ListenError, flags: Flags): string {
  const { port } = error;
  const named: Readonly<Record<string, number | undefined>> = {
    '--amqp-port': flags.amqpPort,
    '--amqps-port': flags.amqpsPort,
    '--mqtt-port': flags.mqttPort,
    '--proxy-port': flags.proxyPort,
  };
  const isAmqp =
    flags.hub !== undefined &&
    port !== undefined &&
    port > flags.amqpPort &&
    port < flags.amqpPort + flags.hub.length;
  const flag = isAmqp
    ? '--amqp-port'
    : (Object.keys(named).find((name) => named[name] === port) ?? '--hub-port');
  if (error.code === 'EADDRINUSE') return `port ${port ?? 0} is in use: choose another with ${flag}`;
  if (error.code === 'EADDRNOTAVAIL') {
    return `${flags.listen} is not an address of this machine: choose another with --listen`;
  }
  if (error.code === 'EACCES' && port !== undefined) {
    return `port ${port} needs privileges: choose another with ${flag}`;
  }
  return `the emulator could not start: ${error.message}`;
}
