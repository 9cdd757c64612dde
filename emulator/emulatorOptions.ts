/** The options of the emulator, and what a start returns. */

import { isIP } from 'node:net';
import type { AdminApi } from './admin';
import type { ConnectionStrings } from './connectionStrings';
import type { Health } from './health';
import { checkAllowedHosts } from './httpsServer';
import { MAX_PARTITIONS } from './hub';
import type { HubSpec } from './hubIdentity';
import { LOOPBACK } from './listen';
import type { LogLevel } from './log';
import { DEFAULT_RETENTION_DAYS, MAX_RETENTION_DAYS } from './retention';
import { MAX_LINKED_HUBS } from './provisioning';
import type { SeedInput } from './seedFile';
import type { ThrottleTier } from './throttle';

export const DEFAULT_PARTITIONS = 4;
export const MAX_PORT = 65_535;

/** Port 0 stands for any free port. */
export interface EmulatorOptions {
  /** Default 0. */
  readonly hubPort?: number;
  /** The IP address to listen on, such as `0.0.0.0` in a container. Default `127.0.0.1`. */
  readonly listen?: string;
  /** Port of AMQP over plain TCP. Default 0. Each further hub has the next port, or any free port. */
  readonly amqpPort?: number;
  /** Port of AMQP over TLS; absent: no TLS listener. */
  readonly amqpsPort?: number;
  /** Port of MQTT over TLS, for devices. Default 0. */
  readonly mqttPort?: number;
  /** Port of an HTTP proxy that connects the hub's host name to the emulator; absent: no proxy. */
  readonly proxyPort?: number;
  /**
   * A hub name such as `shop`, or a host name; or several, each with keys, devices and messages of its own. Default: the
   * well-known hub, `hubfront.azure-devices.localhost`.
   */
  readonly hub?: string | readonly (string | HubSpec)[];
  /** Consumer groups in addition to `$Default`. Default: the well-known groups. */
  readonly consumerGroups?: readonly string[];
  /** 1 to 32. Default: as many as the data folder has, and 4 for a new hub. */
  readonly partitions?: number;
  /** Folder in which the emulator keeps its state. Absent: in memory only. */
  readonly dataFolder?: string;
  /** Starts a Device Provisioning Service that assigns devices to the hubs. Default false. */
  readonly provisioning?: boolean;
  /**
   * The first state of the first hub and of the Device Provisioning Service, if they are empty: the path of a JSON file,
   * or its content. What is not empty is not changed.
   */
  readonly seed?: string | SeedInput;
  /** How long messages are kept, in days: more than 0, at most 7, fractions allowed. Default 1. */
  readonly retentionDays?: number;
  /**
   * Size of the messages that are kept, in MB (10⁶ bytes): the oldest are removed. Each partition keeps at least its
   * newest block of at most 4 MB. Default: unlimited.
   */
  readonly retentionMegabytes?: number;
  /** Folder of the emulator's certificate authority. Default `.hubfront`. */
  readonly caFolder?: string;
  /**
   * CA certificates, PEM: a device with `authentication.type` `certificateAuthority` connects with a certificate that
   * one of them signed. At most 25.
   */
  readonly trustedCas?: readonly string[];
  /** Connection string of the storage account into which devices upload files. Absent: uploads are rejected. */
  readonly storage?: string;
  /**
   * The container for files of the first hub, which is created if it is absent. Each further hub has the container
   * `<storageContainer>-<hub name>`. Default `uploads`.
   */
  readonly storageContainer?: string;
  /** Default `none`. */
  readonly throttle?: ThrottleTier;
  /**
   * Additional host names that requests may have, for example behind a tunnel. `.example.com` means all names below
   * it.
   */
  readonly allowedHosts?: readonly string[];
  /** Least important level that is logged. `debug`: each connection and operation. Default `info`. */
  readonly logLevel?: LogLevel;
  /** Receives the lines of the log: `<time> <level> <text>`. Default: they are dropped. */
  readonly log?: (line: string) => void;
}

/** One of the emulator's hubs. */
export interface EmulatedHub {
  readonly hostName: string;
  /** The Event Hub-compatible name. */
  readonly eventHubName: string;
  readonly consumerGroups: readonly string[];
  /** Port of AMQP over plain TCP. */
  readonly amqpPort: number;
  readonly connectionStrings: ConnectionStrings;
  readonly admin: AdminApi;
}

/** The emulated Device Provisioning Service. */
export interface EmulatedProvisioning {
  readonly idScope: string;
  /** The host name that devices use. */
  readonly globalHostName: string;
  /** The host name that services use. */
  readonly hostName: string;
  /** For azure-iot-provisioning-service. */
  readonly connectionString: string;
}

/** The emulator. The members of `EmulatedHub` are those of its first hub. */
export interface Emulator extends EmulatedHub {
  readonly hubs: readonly [EmulatedHub, ...EmulatedHub[]];
  readonly hubPort: number;
  readonly amqpsPort: number | undefined;
  readonly mqttPort: number;
  readonly proxyPort: number | undefined;
  /** Undefined without the option `provisioning`. */
  readonly provisioning: EmulatedProvisioning | undefined;
  /** `https://<address>:<hubPort>`; the address is `127.0.0.1`, unless the emulator listens on another one only. */
  readonly endpoint: string;
  /** Absolute path of the CA certificate. */
  readonly caFile: string;
  /** The CA certificate, PEM. */
  readonly ca: string;
  /** Whether each listener is ready. Over HTTPS: `GET /health`. */
  health(): Health;
  /** Ends every connection and frees the ports. */
  close(): Promise<void>;
}

/** Options that an empty text would change, for example from a variable that a script did not set. */
const TEXTS = ['dataFolder', 'caFolder', 'seed', 'storage', 'storageContainer'] as const;

/** @throws RangeError that names the option */
export function checkOptions(options: EmulatorOptions): void {
  const empty = TEXTS.find((name) => options[name] === '');
  if (empty !== undefined) throw new RangeError(`${empty} must not be empty`);
  checkAllowedHosts(options.allowedHosts ?? []);
  const { partitions = DEFAULT_PARTITIONS, retentionDays = DEFAULT_RETENTION_DAYS } = options;
  const { retentionMegabytes, listen = LOOPBACK, amqpPort = 0 } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new RangeError(`partitions must be 1 to ${MAX_PARTITIONS}`);
  }
  if (!(retentionDays > 0 && retentionDays <= MAX_RETENTION_DAYS)) {
    throw new RangeError(`retentionDays must be above 0 and at most ${MAX_RETENTION_DAYS}`);
  }
  if (retentionMegabytes !== undefined && !(retentionMegabytes > 0)) {
    throw new RangeError('retentionMegabytes must be above 0');
  }
  if (options.storageContainer !== undefined && options.storage === undefined) {
    throw new RangeError('storageContainer needs storage: a container needs a storage account');
  }
  const hubs = Array.isArray(options.hub) ? options.hub.length : 1;
  if (amqpPort !== 0 && amqpPort + hubs - 1 > MAX_PORT) {
    throw new RangeError(
      `the AMQP port ${amqpPort} is too high for ${hubs} hubs: each further hub has the next port`,
    );
  }
  if (options.provisioning === true && hubs > MAX_LINKED_HUBS) {
    throw new RangeError(
      `the Device Provisioning Service assigns devices to at most ${MAX_LINKED_HUBS} hubs`,
    );
  }
  if (isIP(listen) === 0) throw new RangeError(`'${listen}' is not an IP address to listen on`);
}
