import { createAdminApi, createAdminHandler, type AdminApi } from './admin';
import { AMQP_SUBPROTOCOLS } from './amqp';
import { issueLeafCertificate, openLocalCa, readTrustedCas } from './certificates';
import { startConnectProxy } from './connectProxy';
import { connectionStrings, type ConnectionStrings } from './connectionStrings';
import { NO_JOURNAL, openStorage, type HubStorage } from './dataFolder';
import { createEventHubEndpoint, type EventHubEndpoint } from './eventHub';
import { createHealthHandler, healthOf, type Health } from './health';
import { isAllowedHost, startHttpsServer, type HttpsServer } from './httpsServer';
import { createHub, MAX_PARTITIONS } from './hub';
import { hubIdentity } from './hubIdentity';
import { createLog, DEFAULT_LOG_LEVEL, type LogLevel } from './log';
import { createMqttEndpoint, MQTT_SUBPROTOCOLS, type MqttEndpoint } from './mqtt';
import { createHubHandler, createUpgradeHandler } from './restApi';
import { DEFAULT_RETENTION_DAYS, MAX_RETENTION_DAYS, startRetention } from './retention';
import { applySeed, readSeed, type SeedInput } from './seedFile';
import type { ThrottleTier } from './throttle';
import { createWebSocketUpgrade, startTcpListener, type Transport } from './transport';

/** Port 0 stands for any free port. */
export interface EmulatorOptions {
  /** Default 0. */
  readonly hubPort?: number;
  /** Port of AMQP over plain TCP. Default 0. */
  readonly amqpPort?: number;
  /** Port of AMQP over TLS; absent: no TLS listener. */
  readonly amqpsPort?: number;
  /** Port of MQTT over TLS, for devices. Default 0. */
  readonly mqttPort?: number;
  /** Port of an HTTP proxy that connects the hub's host name to the emulator; absent: no proxy. */
  readonly proxyPort?: number;
  /** A hub name such as `shop`, or a host name. Default: the well-known hub, `hubfront.azure-devices.localhost`. */
  readonly hub?: string;
  /** Consumer groups in addition to `$Default`. Default: the well-known groups. */
  readonly consumerGroups?: readonly string[];
  /** 1 to 32. Default: as many as the data folder has, and 4 for a new hub. */
  readonly partitions?: number;
  /** Folder in which the emulator keeps its state. Absent: in memory only. */
  readonly dataFolder?: string;
  /** The first state of an empty hub: the path of a JSON file, or its content. A hub that is not empty is not changed. */
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

export interface Emulator {
  readonly hostName: string;
  /** The Event Hub-compatible name. */
  readonly eventHubName: string;
  readonly consumerGroups: readonly string[];
  readonly hubPort: number;
  readonly amqpPort: number;
  readonly amqpsPort: number | undefined;
  readonly mqttPort: number;
  readonly proxyPort: number | undefined;
  /** `https://127.0.0.1:<hubPort>` */
  readonly endpoint: string;
  /** Absolute path of the CA certificate. */
  readonly caFile: string;
  /** The CA certificate, PEM. */
  readonly ca: string;
  readonly connectionStrings: ConnectionStrings;
  readonly admin: AdminApi;
  /** Whether each listener is ready. Over HTTPS: `GET /health`. */
  health(): Health;
  /** Ends every connection and frees the ports. */
  close(): Promise<void>;
}

/** Serves the connections of one protocol. */
interface Endpoints {
  readonly eventHub: Pick<EventHubEndpoint, 'accept'>;
  readonly mqtt: Pick<MqttEndpoint, 'accept'>;
}

export const DEFAULT_PARTITIONS = 4;
const DEFAULT_CA_FOLDER = '.hubfront';
/** Ports of Azure that clients cannot change. */
const AZURE_HTTPS_PORT = 443;
const AZURE_AMQPS_PORT = 5671;
const AZURE_MQTTS_PORT = 8883;

/**
 * Starts an IoT hub on the loopback interface: the identity registry over HTTPS, device-to-cloud messages over HTTPS and
 * MQTT, and the Event Hub-compatible endpoint over AMQP 1.0. Without a data folder, it keeps its state in memory.
 *
 * @throws RangeError if an option is out of range; SeedError for an invalid seed; DataFolderError if the data folder cannot be used; Node's listen error if a port is in use (`code` is `EADDRINUSE`,
 * `port` the port)
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { partitions, retentionDays = DEFAULT_RETENTION_DAYS, retentionMegabytes } = options;
  const { throttle = 'none', logLevel = DEFAULT_LOG_LEVEL } = options;
  const log = createLog(logLevel, options.log ?? (() => undefined));
  const identity = hubIdentity(options.hub, options.consumerGroups);
  const count = partitions ?? DEFAULT_PARTITIONS;
  if (!Number.isInteger(count) || count < 1 || count > MAX_PARTITIONS) {
    throw new RangeError(`partitions must be 1 to ${MAX_PARTITIONS}`);
  }
  if (!(retentionDays > 0 && retentionDays <= MAX_RETENTION_DAYS)) {
    throw new RangeError(`retentionDays must be above 0 and at most ${MAX_RETENTION_DAYS}`);
  }
  if (retentionMegabytes !== undefined && !(retentionMegabytes > 0)) {
    throw new RangeError('retentionMegabytes must be above 0');
  }
  const trustedCas = readTrustedCas(options.trustedCas ?? []);
  const seed = options.seed === undefined ? undefined : readSeed(options.seed);
  const ca = await openLocalCa(options.caFolder ?? DEFAULT_CA_FOLDER);
  const certificate = await issueLeafCertificate(ca, identity.hostName);
  const hostNames = [identity.hostName, ...(options.allowedHosts ?? []).map((name) => name.toLowerCase())];
  let storage: HubStorage | undefined;
  const closers: (() => unknown)[] = [];
  const close = async () => {
    try {
      await Promise.all(closers.map((closer) => closer()));
    } finally {
      storage?.close();
    }
  };
  const keep = <Server extends { close(): Promise<void> }>(server: Server): Server => {
    closers.push(() => server.close());
    return server;
  };

  // The ports are opened first, so that nothing is read for a start that fails. Early connections wait for the hub.
  let serve: (endpoints: Endpoints) => void = () => undefined;
  const endpoints = new Promise<Endpoints>((resolve) => (serve = resolve));
  const acceptBy = (name: keyof Endpoints) => (transport: Transport) =>
    void endpoints.then((started) => started[name].accept(transport));

  try {
    const amqp = keep(
      await startTcpListener({
        protocol: 'amqp',
        port: options.amqpPort ?? 0,
        accept: acceptBy('eventHub'),
        log,
      }),
    );
    const amqps =
      options.amqpsPort === undefined
        ? undefined
        : keep(
            await startTcpListener({
              protocol: 'amqps',
              port: options.amqpsPort,
              certificate,
              trustedCas,
              accept: acceptBy('eventHub'),
              log,
            }),
          );
    const mqtts = keep(
      await startTcpListener({
        protocol: 'mqtts',
        port: options.mqttPort ?? 0,
        certificate,
        trustedCas,
        accept: acceptBy('mqtt'),
        log,
      }),
    );
    storage =
      options.dataFolder === undefined
        ? undefined
        : openStorage({
            folder: options.dataFolder,
            hostName: identity.hostName,
            partitions,
            defaultPartitions: DEFAULT_PARTITIONS,
            log,
          });
    const hub = createHub({ identity, partitions: count, tier: throttle, storage, log });
    if (seed) applySeed(hub, storage?.journal ?? NO_JOURNAL, seed);
    const eventHub = createEventHubEndpoint(hub);
    const mqtt = createMqttEndpoint(hub);
    closers.push(
      () => eventHub.close(),
      () => mqtt.close(),
      () => hub.messages.close(),
      () => hub.feedback.clear(),
      startRetention(hub, { days: retentionDays, megabytes: retentionMegabytes }),
    );
    serve({ eventHub, mqtt });
    const admin = createAdminApi({
      hub,
      eventHub,
      mqtt,
      https: { connections: () => https.connections(), restart: (downMs) => https.restart(downMs) },
    });
    const https: HttpsServer = keep(
      await startHttpsServer({
        port: options.hubPort ?? 0,
        certificate,
        trustedCas,
        handleHub: createHubHandler(hub),
        handleAdmin: createAdminHandler(admin),
        handleHealth: createHealthHandler(() => health()),
        handleUpgrade: createUpgradeHandler({
          amqp: createWebSocketUpgrade(AMQP_SUBPROTOCOLS, eventHub.accept),
          mqtt: createWebSocketUpgrade(MQTT_SUBPROTOCOLS, mqtt.accept),
        }),
        hostNames,
        log,
      }),
    );
    const proxy =
      options.proxyPort === undefined
        ? undefined
        : keep(
            await startConnectProxy({
              port: options.proxyPort,
              isKnownHost: (host) => isAllowedHost(host, hostNames),
              ports: {
                [AZURE_HTTPS_PORT]: https.port,
                [AZURE_AMQPS_PORT]: amqps?.port,
                [AZURE_MQTTS_PORT]: mqtts.port,
                // A program that uses the emulator's own address sends those requests through the proxy as well.
                [https.port]: https.port,
              },
            }),
          );
    const health = (): Health => healthOf({ https, amqp, amqps, mqtts, proxy });
    return {
      hostName: identity.hostName,
      eventHubName: identity.name,
      consumerGroups: identity.consumerGroups,
      hubPort: https.port,
      amqpPort: amqp.port,
      amqpsPort: amqps?.port,
      mqttPort: mqtts.port,
      proxyPort: proxy?.port,
      endpoint: `https://127.0.0.1:${https.port}`,
      caFile: ca.file,
      ca: ca.cert,
      connectionStrings: connectionStrings(identity, amqp.port),
      admin,
      health,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
