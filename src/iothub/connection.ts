import { readFileSync } from 'node:fs';
import { Agent, type AgentOptions, request } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Settings } from '../settings';
import { HUB_DEADLINE_MS, withDeadline } from './deadline';
import { deviceProblem } from './errors';

/** Sockets to the hub at a time. IoT Hub answers in tens of ms, so this carries thousands of sends a second. */
const MAX_SOCKETS = 128;

/** A silent socket outlives the deadline of the request on it by this much, so that the request times out first. */
const SOCKET_TIMEOUT_MARGIN_MS = 1_000;

/**
 * The HTTPS agent that all requests to the hub share: connections are kept alive and reused, and one on which the
 * hub has gone silent is destroyed, which the SDKs never do.
 *
 * Node merges an agent's options over the request's, while SNI and `Host` keep the hub's name: so `hubEndpoint`
 * redirects the unmodified SDKs, whose port is fixed at 443.
 */
export function createHubAgent({
  hubEndpoint,
  hubCaFile,
}: Pick<Settings, 'hubEndpoint' | 'hubCaFile'>): Agent {
  return new SilenceEndingAgent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    timeout: HUB_DEADLINE_MS + SOCKET_TIMEOUT_MARGIN_MS,
    ...(hubCaFile === undefined ? {} : { ca: readFileSync(hubCaFile) }),
    ...hubEndpoint,
  });
}

/**
 * Opens a connection to the hub, unless one is free already, by a request that needs no right and counts against no
 * quota; any answer will do.
 *
 * @throws {Problem} `hub_unavailable`, `hub_timeout`
 */
export async function openConnection(hubHostName: string, agent: Agent): Promise<void> {
  const answered = new Promise<void>((resolve, reject) => {
    const head = request({ method: 'HEAD', host: hubHostName, path: '/', agent }, (response) => {
      response.resume().on('end', resolve).on('error', reject);
    });
    head.on('error', reject).end();
  });
  await withDeadline(answered, HUB_DEADLINE_MS, 'opening a connection').catch((error: unknown) => {
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
