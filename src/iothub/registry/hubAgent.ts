import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { Agent, type AgentOptions, request } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type ConnectionSettings,
  IDLE_TIMEOUT_MS,
  MAX_SOCKETS,
  SOCKET_TIMEOUT_MARGIN_MS,
  connectionOpened,
  isStale,
  staleConnectionLimitMs,
} from '../hubConnection';

/**
 * The HTTPS agent for the identity registry's SDK. It reuses connections, and destroys a connection on which the hub
 * does not respond. The SDK itself never times out.
 *
 * The agent's options override the request's options, while SNI and `Host` still contain the hub's name. So
 * `hubEndpoint` redirects the unmodified SDK, whose port is fixed at 443.
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

/**
 * Opens a connection to the hub if none is free. It sends a request that needs no permission and counts against no
 * quota, and accepts any response.
 *
 * @throws {Problem} `hub_unavailable`, `hub_timeout`
 */
export async function openAgentConnection(settings: ConnectionSettings, agent: Agent): Promise<void> {
  const responded = new Promise<void>((resolve, reject) => {
    const head = request({ method: 'HEAD', host: settings.hubHostName, path: '/', agent }, (response) => {
      response.resume().on('end', resolve).on('error', reject);
    });
    head.on('error', reject).end();
  });
  await connectionOpened(responded, settings);
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
      socket.destroy(new Error('The hub does not respond on this connection'));
      // Other idle connections are just as likely to be stale.
      if (isStale(this.#idleSince.get(socket))) {
        for (const idle of Object.values(this.freeSockets).flat()) idle?.destroy();
      }
    });
    return socket;
  }

  // Node passes the agent's own sockets to `keepSocketAlive` and `reuseSocket`, although the types declare Duplex.
  // `keepSocketAlive` returns whether the socket is kept.
  /** An idle connection may be silent for longer than one with a request. */
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
