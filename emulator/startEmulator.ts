import { createAdminApi, createAdminHandler, type AdminApi } from './admin';
import { startAmqpListener } from './amqp';
import { issueLeafCertificate, openLocalCa } from './certificates';
import { connectionStrings, type ConnectionStrings } from './connectionStrings';
import { createEventHubEndpoint } from './eventHub';
import { startHttpsServer } from './httpsServer';
import { createHub, MAX_PARTITIONS } from './hub';
import { createHubHandler } from './restApi';
import type { ThrottleTier } from './throttle';
import { HUB_HOST_NAME } from './wellKnown';

export interface EmulatorOptions {
  /** 0: any free port. */
  readonly hubPort: number;
  /** 0: any free port. */
  readonly amqpPort: number;
  /** 1 to 32. */
  readonly partitions: number;
  /** Where the emulator's certificate authority is kept. */
  readonly caFolder: string;
  /** Default `none`. */
  readonly throttle?: ThrottleTier;
  /** Host names under which it also serves, as behind a tunnel; `.example.com` means all names below it. */
  readonly allowedHosts?: readonly string[];
  /** Takes a line about what should not happen; default: nowhere. */
  readonly log?: (line: string) => void;
}

export interface Emulator {
  readonly hostName: string;
  readonly hubPort: number;
  readonly amqpPort: number;
  /** `https://127.0.0.1:<hubPort>` */
  readonly endpoint: string;
  /** Absolute path of the CA certificate. */
  readonly caFile: string;
  /** The CA certificate, PEM. */
  readonly ca: string;
  readonly connectionStrings: ConnectionStrings;
  readonly admin: AdminApi;
  /** Ends every connection and frees both ports. */
  close(): Promise<void>;
}

/**
 * Starts an IoT Hub on the loopback interface: the identity registry and device-to-cloud messages over HTTPS, the
 * Event Hub-compatible endpoint over AMQP 1.0. It keeps everything in memory.
 *
 * @throws RangeError when `partitions` is not 1 to 32; Node's listen error when a port is taken (`code` is
 *   `EADDRINUSE`, `port` the port)
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { partitions, throttle = 'none', log = () => undefined } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new RangeError(`partitions must be 1 to ${MAX_PARTITIONS}`);
  }
  const ca = await openLocalCa(options.caFolder);
  const certificate = await issueLeafCertificate(ca);
  const hub = createHub(partitions, throttle);
  const eventHub = createEventHubEndpoint(hub);
  const amqp = await startAmqpListener({ port: options.amqpPort, accept: eventHub.accept });
  const admin = createAdminApi({
    hub,
    eventHub,
    https: { connections: () => https.connections(), restart: (downMs) => https.restart(downMs) },
  });
  const https = await startHttpsServer({
    port: options.hubPort,
    certificate,
    handleHub: createHubHandler(hub),
    handleAdmin: createAdminHandler(admin),
    allowedHosts: (options.allowedHosts ?? []).map((name) => name.toLowerCase()),
    log,
  }).catch(async (error: unknown) => {
    await amqp.close();
    throw error;
  });
  return {
    hostName: HUB_HOST_NAME,
    hubPort: https.port,
    amqpPort: amqp.port,
    endpoint: `https://127.0.0.1:${https.port}`,
    caFile: ca.file,
    ca: ca.cert,
    connectionStrings: connectionStrings(amqp.port),
    admin,
    close: async () => {
      eventHub.close();
      await Promise.all([https.close(), amqp.close()]);
    },
  };
}
