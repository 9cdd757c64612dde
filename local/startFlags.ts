import { Command, InvalidArgumentError } from 'commander';
import { MAX_PARTITIONS } from '../emulator/index';
import { DEFAULT_PORTS } from './defaultPorts';
import { parsePort } from './lifecycle';
import { VERBOSE_HELP } from './requestLines';
import type { WantedPort } from './reservePorts';

/** The flags of `npm start`. */
export interface StartFlags {
  port: number;
  hubPort: number;
  amqpPort: number;
  mqttPort?: number;
  shopPort: number;
  partitions?: number;
  data?: string;
  dashboardPort?: number;
  databasePort?: number;
  blobPort?: number;
  origin: string[];
  analytics: boolean;
  sensors: boolean;
  verbose: boolean;
}

const PORT_FLAGS = {
  port: '--port',
  hubPort: '--hub-port',
  amqpPort: '--amqp-port',
  mqttPort: '--mqtt-port',
  shopPort: '--shop-port',
  dashboardPort: '--dashboard-port',
  databasePort: '--database-port',
  blobPort: '--blob-port',
} as const;

/** If a flag is invalid, commander prints the error in one line and exits. */
export function parseStartFlags(argv: readonly string[]): StartFlags {
  return new Command('npm start --')
    .description('Builds Hubfront and runs it with an IoT Hub emulator and a demo shop, all on 127.0.0.1.')
    .option('--port <port>', 'port of the functions (0: any free port)', parsePort, DEFAULT_PORTS.functions)
    .option(
      '--hub-port <port>',
      "port of the emulator's HTTPS endpoint: registry and telemetry",
      parsePort,
      DEFAULT_PORTS.hub,
    )
    .option(
      '--amqp-port <port>',
      "the emulator's Event Hub-compatible endpoint",
      parsePort,
      DEFAULT_PORTS.amqp,
    )
    .option(
      '--mqtt-port <port>',
      `port of the emulator's MQTT (default: ${DEFAULT_PORTS.mqtt}, or any free port)`,
      parsePort,
    )
    .option(
      '--shop-port <port>',
      'port of the demo shop, which is another origin',
      parsePort,
      DEFAULT_PORTS.shop,
    )
    .option(
      '--partitions <count>',
      `partitions of the hub, 1 to ${MAX_PARTITIONS} (default: 4, or as many as the data folder has)`,
      parsePartitions,
    )
    .option('--data <folder>', 'keeps the devices and messages of the emulator in this folder')
    .option(
      '--origin <origin>',
      'allows pages of this origin to send messages; may be repeated',
      collectOrigin,
      [],
    )
    .option(
      '--dashboard-port <port>',
      `port of the dashboard (default: ${DEFAULT_PORTS.dashboard}, or any free port)`,
      parsePort,
    )
    .option(
      '--database-port <port>',
      `port of the product database (default: ${DEFAULT_PORTS.database}, or any free port)`,
      parsePort,
    )
    .option(
      '--blob-port <port>',
      `port of Blob storage, Azurite (default: ${DEFAULT_PORTS.blob}, or any free port)`,
      parsePort,
    )
    .option('--no-analytics', 'does not start the product database, Blob storage and the dashboard')
    .option('--sensors', 'starts three simulated store sensors, which send telemetry over MQTT', false)
    .option('--verbose', VERBOSE_HELP, false)
    .allowExcessArguments(false)
    .parse([...argv], { from: 'user' })
    .opts<StartFlags>();
}

/** The ports that this start requires. Those of the analytics parts may change, unless a flag sets them. */
export function wantedPorts(flags: StartFlags): WantedPort[] {
  return (Object.keys(PORT_FLAGS) as (keyof typeof PORT_FLAGS)[]).flatMap((name) => {
    const port = flags[name];
    return port === undefined ? [] : [{ flag: PORT_FLAGS[name], port }];
  });
}

/** A scheme and a host, with or without a port; `https://*.shop.example` for all subdomains; `*` for any origin. */
const ORIGIN = /^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^\s/,*?#@]+)$/i;

function collectOrigin(text: string, origins: string[]): string[] {
  const origin = text.replace(/\/$/, '');
  if (!ORIGIN.test(origin))
    throw new InvalidArgumentError('It must be an origin, such as http://localhost:8080.');
  return [...origins, origin];
}

function parsePartitions(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_PARTITIONS) {
    throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_PARTITIONS}.`);
  }
  return count;
}
