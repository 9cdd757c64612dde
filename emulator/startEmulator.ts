/** Starts the emulator: opens its ports, its hubs, and connects both. */

import type { IncomingMessage } from 'node:http';
import { createAdminApi, createAdminHandler } from './admin';
import { AMQP_SUBPROTOCOLS } from './amqp';
import { issueLeafCertificate, openLocalCa, readTrustedCas } from './certificates';
import { startConnectProxy } from './connectProxy';
import { closeAll } from './closeAll';
import { connectionStrings } from './connectionStrings';
import { checkOptions, type EmulatedHub, type Emulator, type EmulatorOptions } from './emulatorOptions';
import { createBlobForwarder, openBlobStorages } from './fileUploads';
import { createHealthHandler, healthOf, type Health } from './health';
import { isAllowedHost, startHttpsServer, type HttpsServer } from './httpsServer';
import { hubIdentities, isHubName } from './hubIdentity';
import { LOOPBACK, ownAddress, urlHost } from './listen';
import { createLog, DEFAULT_LOG_LEVEL } from './log';
import { createMqttEndpoint, MQTT_SUBPROTOCOLS } from './mqtt';
import { openHub, type OpenHub } from './openHub';
import { openProvisioning, provisioningHosts } from './openProvisioning';
import { createHubHandler, createUpgradeHandler } from './restApi';
import { readSeed } from './seedFile';
import {
  createWebSocketUpgrade,
  hostNameOf,
  serverNameOf,
  startTcpListener,
  type TcpListener,
  type Transport,
} from './transport';

const DEFAULT_CA_FOLDER = '.hubfront';
/** Ports of Azure that clients cannot change. */
const AZURE_HTTPS_PORT = 443;
const AZURE_AMQPS_PORT = 5671;
const AZURE_MQTTS_PORT = 8883;

/** Serves the connections of the protocols that have ports of their own. */
interface Endpoints {
  readonly amqps: (transport: Transport) => void;
  readonly mqtts: (transport: Transport) => void;
  /** AMQP over plain TCP, by the number of the hub. */
  readonly amqp: readonly ((transport: Transport) => void)[];
}

/**
 * Starts IoT hubs, by default one hub on the loopback interface: the identity registry over HTTPS, device-to-cloud
 * messages over HTTPS and MQTT, and the Event Hub-compatible endpoint over AMQP 1.0. Without a data folder, it keeps its
 * state in memory.
 *
 * @throws RangeError if an option is out of range; SeedError for an invalid seed; DataFolderError if the data folder
 * cannot be used; Node's listen error if a port is in use (`code` is `EADDRINUSE`, `port` the port)
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  checkOptions(options);
  const { listen: address = LOOPBACK, logLevel = DEFAULT_LOG_LEVEL, amqpPort = 0 } = options;
  const log = createLog(logLevel, options.log ?? (() => undefined));
  const named = options.hub ?? [];
  const identities = hubIdentities(typeof named === 'string' ? [named] : named, options.consumerGroups);
  const trustedCas = readTrustedCas(options.trustedCas ?? []);
  const seed = options.seed === undefined ? undefined : readSeed(options.seed);
  const hubNames = identities.map(({ name }) => name);
  const blobStorages =
    options.storage === undefined
      ? []
      : await openBlobStorages(options.storage, hubNames, options.storageContainer);
  const ca = await openLocalCa(options.caFolder ?? DEFAULT_CA_FOLDER);
  const ownHost = urlHost(ownAddress(address));
  /** Names of the emulator itself, which stand for no hub. */
  const ownNames = [ownHost, ...(options.allowedHosts ?? []).map((name) => name.toLowerCase())];
  const hostNames = [
    ...identities.map(({ hostName }) => hostName),
    ...ownNames,
    ...provisioningHosts(options, identities),
  ];
  const certificate = await issueLeafCertificate(ca, hostNames);
  const closers: (() => unknown)[] = [];
  const opened: OpenHub[] = [];
  const close = async () => {
    const ended = await Promise.allSettled(closers.map((closer) => Promise.resolve().then(closer)));
    closeAll([
      ...ended.map((one) => () => {
        if (one.status === 'rejected') throw one.reason;
      }),
      ...opened.map((one) => () => one.close()),
    ]);
  };
  const keep = <Server extends { close(): Promise<void> }>(server: Server): Server => {
    closers.push(() => server.close());
    return server;
  };

  // The ports are opened first, so that nothing is read for a start that fails. Early connections wait for the hubs.
  let serve: (endpoints: Endpoints) => void = () => undefined;
  const endpoints = new Promise<Endpoints>((resolve) => (serve = resolve));

  try {
    const amqp: TcpListener[] = [];
    for (const index of identities.keys()) {
      amqp.push(
        keep(
          await startTcpListener({
            address,
            protocol: 'amqp',
            port: amqpPort === 0 ? 0 : amqpPort + index,
            accept: (transport) => void endpoints.then((started) => started.amqp[index]?.(transport)),
            log,
          }),
        ),
      );
    }
    const tls = { address, certificate, trustedCas, log };
    const amqps =
      options.amqpsPort === undefined
        ? undefined
        : keep(
            await startTcpListener({
              ...tls,
              protocol: 'amqps',
              port: options.amqpsPort,
              accept: (transport) => void endpoints.then((started) => started.amqps(transport)),
            }),
          );
    const mqtts = keep(
      await startTcpListener({
        ...tls,
        protocol: 'mqtts',
        port: options.mqttPort ?? 0,
        accept: (transport) => void endpoints.then((started) => started.mqtts(transport)),
      }),
    );
    const names = new Set(identities.map(({ hostName }) => hostName));
    for (const [index, identity] of identities.entries()) {
      const isOtherHub = (name: string) => name !== identity.hostName && (isHubName(name) || names.has(name));
      const isOwnHost = (name: string) =>
        name === identity.hostName || (!isOtherHub(name) && isAllowedHost(name, ownNames));
      opened.push(
        openHub({
          ...{ identity, isOwnHost, options, blobStorage: blobStorages[index] },
          ...{ seed: index === 0 ? seed : undefined, log },
        }),
      );
    }
    const [first, ...others] = opened;
    if (!first) throw new Error('there is no hub');
    const hubs = [first.hub, ...others.map(({ hub }) => hub)] as const;
    const isOwnHost = (name: string) => !isHubName(name) && !names.has(name) && isAllowedHost(name, ownNames);
    const provisioning = openProvisioning({ hubs, options, seed, log, isOwnHost });
    if (provisioning) closers.push(() => provisioning.close());
    const mqtt = createMqttEndpoint(hubs, provisioning?.service.connectMqtt);
    closers.push(() => mqtt.close());
    const serveHub = ({ hub, eventHub }: OpenHub) => {
      const plainPort = amqp[opened.findIndex((one) => one.hub === hub)]?.port ?? 0;
      const admin = createAdminApi({
        hub,
        eventHub,
        mqtt,
        https: { connections: () => https.connections(), restart: (downMs) => https.restart(downMs) },
        resetOthers: hub === first.hub ? provisioning?.service.clear : undefined,
      });
      return {
        hub,
        eventHub,
        handleHub: createHubHandler(hub),
        handleAdmin: createAdminHandler(admin),
        emulated: {
          hostName: hub.identity.hostName,
          eventHubName: hub.identity.name,
          consumerGroups: hub.identity.consumerGroups,
          amqpPort: plainPort,
          connectionStrings: connectionStrings(hub.identity, `${ownHost}:${plainPort}`),
          admin,
        } satisfies EmulatedHub,
      };
    };
    const firstServed = serveHub(first);
    const served = [firstServed, ...others.map(serveHub)];
    const servedByName = new Map<string | undefined, typeof firstServed>(
      served.map((one) => [one.hub.identity.hostName, one]),
    );
    /** The hub that a client names; the first hub if it names none, such as `localhost`. Its endpoints reject foreign names. */
    const hubNamed = (...hostNames: readonly (string | undefined)[]) => {
      const known = hostNames.find((name) => servedByName.has(name));
      return servedByName.get(known) ?? firstServed;
    };
    const hubOf = (request: IncomingMessage) =>
      hubNamed(hostNameOf(request.headers.host), serverNameOf(request.socket));
    const connectOther = provisioning?.service.connectAmqp;
    const acceptAmqp = (transport: Transport) =>
      hubNamed(...transport.hostNames).eventHub.accept(transport, connectOther);
    serve({
      amqp: served.map(
        ({ eventHub }) =>
          (transport) =>
            eventHub.accept(transport, connectOther),
      ),
      amqps: acceptAmqp,
      mqtts: mqtt.accept,
    });
    const https: HttpsServer = keep(
      await startHttpsServer({
        ...tls,
        port: options.hubPort ?? 0,
        handleHub: (request) =>
          provisioning?.service.accepts(request, (name) => names.has(name))
            ? provisioning.service.handle(request)
            : hubOf(request).handleHub(request),
        handleAdmin: (request, response) => hubOf(request).handleAdmin(request, response),
        handleBlobs: createBlobForwarder(blobStorages),
        handleHealth: createHealthHandler(() => health()),
        handleUpgrade: createUpgradeHandler({
          amqp: createWebSocketUpgrade(AMQP_SUBPROTOCOLS, acceptAmqp),
          mqtt: createWebSocketUpgrade(MQTT_SUBPROTOCOLS, mqtt.accept),
        }),
        hostNames,
      }),
    );
    const proxy =
      options.proxyPort === undefined
        ? undefined
        : keep(
            await startConnectProxy({
              address,
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
    const plain = Object.fromEntries(
      amqp.map((listener, index) => [
        index === 0 ? 'amqp' : `amqp ${identities[index]?.name ?? ''}`,
        listener,
      ]),
    );
    const health = (): Health => healthOf({ https, ...plain, amqps, mqtts, proxy });
    return {
      ...firstServed.emulated,
      hubs: [firstServed.emulated, ...served.slice(1).map(({ emulated }) => emulated)],
      hubPort: https.port,
      amqpsPort: amqps?.port,
      mqttPort: mqtts.port,
      proxyPort: proxy?.port,
      endpoint: `https://${ownHost}:${https.port}`,
      provisioning: provisioning?.emulated,
      caFile: ca.file,
      ca: ca.cert,
      health,
      close,
    };
  } catch (error) {
    await close().catch((closing: unknown) => log.error(`the emulator could not close: ${String(closing)}`));
    throw error;
  }
}
