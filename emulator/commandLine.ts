/** The flags of the emulator's command line, with their checks and defaults. */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readTrustedCas } from './certificates';
import { DEFAULT_PARTITIONS, MAX_PORT } from './emulatorOptions';
import { checkAllowedHosts } from './httpsServer';
import { MAX_PARTITIONS } from './hub';
import { hubIdentities, hubIdentity } from './hubIdentity';
import { LOOPBACK } from './listen';
import { DEFAULT_LOG_LEVEL, LOG_LEVELS, type LogLevel } from './log';
import { DEFAULT_RETENTION_DAYS, MAX_RETENTION_DAYS } from './retention';
import { THROTTLE_TIERS, type ThrottleTier } from './throttle';
import { CONSUMER_GROUPS, HUB_HOST_NAME } from './wellKnown';

const DEFAULT_HUB_PORT = 8443;
const DEFAULT_AMQP_PORT = 5672;
export const DEFAULT_AMQPS_PORT = 5671;
export const DEFAULT_MQTT_PORT = 8883;
/** More than any disk. */
const MAX_RETENTION_MEGABYTES = 1_000_000_000;

export interface Flags {
  readonly listen: string;
  readonly hubPort: number;
  readonly amqpPort: number;
  readonly amqpsPort?: number;
  readonly mqttPort?: number;
  readonly proxyPort?: number;
  readonly hub?: readonly string[];
  readonly consumerGroups: readonly string[];
  readonly partitions?: number;
  readonly data?: string;
  readonly seed?: string;
  readonly provisioning?: boolean;
  readonly retentionDays: number;
  readonly retentionMegabytes?: number;
  readonly caFolder: string;
  /** PEM. */
  readonly trustedCa?: readonly string[];
  readonly storage?: string;
  readonly storageContainer?: string;
  readonly throttle: ThrottleTier;
  readonly allowedHosts?: readonly string[];
  readonly logLevel: LogLevel;
}

/** Parses a whole number in a range, for commander, which adds the flag's name to the error. */
const integer = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  }
  return value;
};

function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('It must be an IP address.');
  return text;
}

/** An empty value usually comes from a variable that a script did not set. */
function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}

const list = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** Runs a check, and converts its error to one that commander prints. */
function checked<Value>(value: Value, check: () => unknown): Value {
  try {
    check();
    return value;
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** Reads the file of each occurrence of a flag. */
function caFiles(file: string, earlier: readonly string[] = []): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(
      `The file cannot be read (${(error as NodeJS.ErrnoException).code ?? ''}).`,
    );
  }
  const texts = [...earlier, text];
  return checked(texts, () => readTrustedCas(texts));
}

/** @param run is called with the flags, if they are valid. Otherwise, commander prints what is wrong, and exits */
export function commandLine(run: (flags: Flags) => Promise<void>): Command {
  const port = integer(0, MAX_PORT);
  return new Command('hubfront-emulator')
    .description(
      'Emulates an Azure IoT Hub for the unmodified Azure SDKs. By default, it listens on 127.0.0.1.',
    )
    .option(
      '--listen <address>',
      'IP address to listen on; 0.0.0.0 for all addresses, as in a container',
      ipAddress,
      LOOPBACK,
    )
    .option(
      '--hub-port <port>',
      'HTTPS: registry, telemetry, AMQP and MQTT over WebSockets, admin API (0: any free)',
      port,
      DEFAULT_HUB_PORT,
    )
    .option(
      '--amqp-port <port>',
      'AMQP over TCP: the Event Hub-compatible endpoint (0: any free)',
      port,
      DEFAULT_AMQP_PORT,
    )
    .option(
      '--amqps-port <port>',
      `the same over TLS (0: any free; without the flag ${DEFAULT_AMQPS_PORT}, if it is free)`,
      port,
    )
    .option(
      '--mqtt-port <port>',
      `MQTT over TLS, for devices (0: any free; without the flag ${DEFAULT_MQTT_PORT}, or any free one)`,
      port,
    )
    .option(
      '--proxy-port <port>',
      "port of an HTTPS proxy that connects the hub's host name to the emulator (0: any free)",
      port,
    )
    .option(
      '--hub <name>',
      `a hub name, or a host name; repeat it for several hubs (default: ${HUB_HOST_NAME})`,
      (text: string, names: readonly string[] | undefined) =>
        checked([...(names ?? []), text], () => hubIdentities([...(names ?? []), text])),
    )
    .option(
      '--consumer-groups <names>',
      'consumer groups in addition to $Default, separated by commas',
      (text: string) => checked(list(text), () => hubIdentity(undefined, list(text))),
      CONSUMER_GROUPS.slice(1),
    )
    .option(
      '--partitions <count>',
      `1 to ${MAX_PARTITIONS} (default: ${DEFAULT_PARTITIONS}, or as many as the data folder has)`,
      integer(1, MAX_PARTITIONS),
    )
    .option('--data <folder>', 'keeps the state in this folder (without the flag: in memory)', notEmpty)
    .option('--seed <file>', 'JSON file with the devices and messages of a new hub', notEmpty)
    .option('--provisioning', 'starts a Device Provisioning Service that assigns devices to the hubs')
    .option(
      '--retention-days <days>',
      `how long messages are kept, 1 to ${MAX_RETENTION_DAYS}`,
      integer(1, MAX_RETENTION_DAYS),
      DEFAULT_RETENTION_DAYS,
    )
    .option(
      '--retention-megabytes <size>',
      'size of the messages that are kept (default: unlimited)',
      integer(1, MAX_RETENTION_MEGABYTES),
    )
    .option('--ca-folder <folder>', "folder of the emulator's certificate authority", notEmpty, '.hubfront')
    .option(
      '--trusted-ca <file>',
      'certificate (PEM) of an authority that signs certificates of devices; repeatable',
      caFiles,
    )
    .addOption(
      new Option(
        '--storage <connection string>',
        'storage account for file uploads, for example UseDevelopmentStorage=true (Azurite)',
      )
        .env('HUBFRONT_STORAGE')
        .argParser(notEmpty),
    )
    .option(
      '--storage-container <name>',
      'container for uploaded files (default: uploads); needs --storage',
      notEmpty,
    )
    .addOption(
      new Option('--throttle <tier>', 'applies the limits of one unit of this tier')
        .choices(THROTTLE_TIERS)
        .default('none'),
    )
    .addOption(
      new Option(
        '--allowed-hosts <names>',
        'additional host names that requests may have, separated by commas',
      )
        .env('HUBFRONT_ALLOWED_HOSTS')
        .argParser((text: string) => checked(list(text), () => checkAllowedHosts(list(text)))),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged on stderr; debug: each connection and operation')
        .choices(LOG_LEVELS)
        .default(DEFAULT_LOG_LEVEL),
    )
    .allowExcessArguments(false)
    .action(run);
}
