import { readFileSync } from 'node:fs';
import { Agent, type AgentOptions, request } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Pool as UndiciPool } from 'undici';
// The pool alone: the package's entry loads fetch, WebSockets and caches too, four times the files.
import Pool from 'undici/lib/dispatcher/pool.js';
import type { Settings } from '../settings';
import { withDeadline } from './deadline';
import { deviceProblem } from './errors';
import { respond } from './respond';

/** Sockets to the hub at a time. IoT Hub answers in tens of ms, so this carries thousands of sends a second. */
const MAX_SOCKETS = 128;
/** A silent socket outlives the deadline of the request on it by this much, so that the request times out first. */
const SOCKET_TIMEOUT_MARGIN_MS = 1_000;
/** HTTP.sys, which serves IoT Hub, closes connections that were idle for two minutes; we are first. */
const IDLE_TIMEOUT_MS = 100_000;

type ConnectionSettings = Pick<Settings, 'hubHostName' | 'hubEndpoint' | 'hubCaFile' | 'hubDeadlineMs'>;

/**
 * The HTTPS agent for the identity registry's SDK: connections are kept alive and reused, and one on which the hub
 * has gone silent is destroyed, which the SDK never does.
 *
 * Node merges an agent's options over the request's, while SNI and `Host` keep the hub's name: so `hubEndpoint`
 * redirects the unmodified SDK, whose port is fixed at 443.
 */
export function createHubAgent({ hubEndpoint, hubCaFile, hubDeadlineMs }: ConnectionSettings): Agent {
  return new SilenceEndingAgent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    timeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
    ...(hubCaFile === undefined ? {} : { ca: readFileSync(hubCaFile) }),
    ...hubEndpoint,
  });
}

/** The connections that all device-to-cloud messages share: kept alive, one request at a time on each. */
export function createHubPool({
  hubHostName,
  hubEndpoint: { host, port } = { host: hubHostName, port: 443 },
  hubCaFile,
  hubDeadlineMs,
}: ConnectionSettings): UndiciPool {
  return new Pool(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, {
    connections: MAX_SOCKETS,
    pipelining: 1,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    headersTimeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
    bodyTimeout: hubDeadlineMs + SOCKET_TIMEOUT_MARGIN_MS,
    connect: {
      servername: hubHostName,
      timeout: hubDeadlineMs,
      ...(hubCaFile === undefined ? {} : { ca: readFileSync(hubCaFile) }),
    },
  });
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
export async function openPoolConnection(settings: ConnectionSettings, pool: UndiciPool): Promise<void> {
  // By GET: after a HEAD the pool closes its connection.
  const answered = respond(pool, { method: 'GET', path: '/', headers: { host: settings.hubHostName } });
  await opened(answered, settings);
}

async function opened(answered: Promise<unknown>, { hubDeadlineMs }: ConnectionSettings): Promise<void> {
  await withDeadline(answered, hubDeadlineMs, 'opening a connection').catch((error: unknown) => {
    throw deviceProblem(error);
  });
}

class SilenceEndingAgent extends Agent {
  override createConnection(
    options: AgentOptions,
    callback?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = super.createConnection(options, callback);
    socket?.on('timeout', () => socket.destroy(new Error('The hub went silent on this connection')));
    return socket;
  }
}
