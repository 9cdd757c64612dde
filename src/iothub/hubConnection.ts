import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Settings } from '../settings';
import { withDeadline } from '../resilience/deadline';
import { deviceProblem } from './errors';
import type { ConnectionPool } from './telemetry/connectionPool';

/** Sockets to the hub at a time. IoT Hub answers in tens of ms, so this carries thousands of sends a second. */
export const MAX_SOCKETS = 128;
/** A silent socket outlives the deadline of the request on it by this much, so that the request times out first. */
export const SOCKET_TIMEOUT_MARGIN_MS = 1_000;
/** HTTP.sys, which serves IoT Hub, closes connections that were idle for two minutes; we are first. */
export const IDLE_TIMEOUT_MS = 100_000;

/** A connection on which nothing was heard for so long may be dead: whoever cut it need not have told us. */
const DOUBTFUL_AFTER_MS = 5_000;

export type ConnectionSettings = Pick<
  Settings,
  'hubHostName' | 'hubEndpoint' | 'hubCaFile' | 'hubDeadlineMs'
>;

/**
 * The HTTPS agent for the identity registry's SDK: connections are kept alive and reused, and one on which the hub
 * has gone silent is destroyed, which the SDK never does.
 *
 * Node merges an agent's options over the request's, while SNI and `Host` keep the hub's name: so `hubEndpoint`
 * redirects the unmodified SDK, whose port is fixed at 443.
 */
export function createHubAgent(settings: ConnectionSettings): Agent {
  const { hubEndpoint, hubCaFile, hubDeadlineMs } = settings;
  return new SilenceEndingAgent(
    {
      keepAlive: true,
      maxSockets: MAX_SOCKETS,
      timeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
      ...(hubCaFile === undefined ? {} : { ca: readFileSync(hubCaFile) }),
      ...hubEndpoint,
    },
    staleConnectionLimitMs(settings),
  );
}

/** @param usedAt when the hub was last heard on a connection, if it ever was */
export function isStale(usedAt: number | undefined): boolean {
  return usedAt !== undefined && Date.now() - usedAt > DOUBTFUL_AFTER_MS;
}

/** How long a request waits on such a connection: there is time to ask again on a new one. */
export function staleConnectionLimitMs({ hubDeadlineMs }: ConnectionSettings): number {
  return hubDeadlineMs / 3;
}

/**
 * Opens a connection to the hub, unless one is free already, by a request that needs no right and counts against no
 * quota; any answer will do.
 *
 * @throws {Problem} `hub_unavailable`, `hub_timeout`
 */
export async function openAgentConnection(settings: ConnectionSettings, agent: Agent): Promise<void> {
  const answered = new Promise<void>((resolve, reject) => {
    const head = request({ method: 'HEAD', host: settings.hubHostName, path: '/', agent }, (response) => {
      response.resume().on('end', resolve).on('error', reject);
    });
    head.on('error', reject).end();
  });
  await opened(answered, settings);
}

/** As {@link openAgentConnection}, for the pool. */
export async function openPoolConnection(settings: ConnectionSettings, pool: ConnectionPool): Promise<void> {
  // By GET: after a HEAD the pool closes its connection.
  const answered = pool.request({ method: 'GET', path: '/', headers: { host: settings.hubHostName } });
  await opened(answered, settings);
}

async function opened(answered: Promise<unknown>, { hubDeadlineMs }: ConnectionSettings): Promise<void> {
  await withDeadline(answered, hubDeadlineMs, 'opening a connection').catch((error: unknown) => {
    throw deviceProblem(error);
  });
}

class SilenceEndingAgent extends Agent {
  readonly #idleSince = new WeakMap<Duplex, number>();

  constructor(
    options: AgentOptions,
    private readonly doubtfulMs: number,
  ) {
    super(options);
  }

  override createConnection(
    options: AgentOptions,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    socket?.on('timeout', () => {
      socket.destroy(new Error('The hub went silent on this connection'));
      // What was idle beside it is as doubtful.
      if (isStale(this.#idleSince.get(socket))) {
        for (const idle of Object.values(this.freeSockets).flat()) idle?.destroy();
      }
    });
    return socket;
  }

  // Both get the agent's own sockets, which the types know as Duplex, and the first returns whether one is kept.
  /** Without a request a connection may be silent for longer than with one. */
  override keepSocketAlive(socket: Socket): boolean {
    this.#idleSince.set(socket, Date.now());
    const keep: (socket: Socket) => unknown = super.keepSocketAlive.bind(this);
    const isKept = keep(socket) === true;
    if (isKept) socket.setTimeout(IDLE_TIMEOUT_MS);
    return isKept;
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    const mayBeDead = isStale(this.#idleSince.get(socket));
    socket.setTimeout(mayBeDead ? this.doubtfulMs : (this.options.timeout ?? 0));
    super.reuseSocket(socket, request);
  }
}
