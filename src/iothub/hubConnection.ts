import type { Settings } from '../settings';
import { withDeadline } from '../resilience/deadline';
import { deviceProblem } from './errors';

/**
 * Concurrent connections to the hub. IoT Hub responds in tens of ms, so these can carry thousands of sends per second.
 */
export const MAX_SOCKETS = 128;
/** The socket timeout exceeds the request deadline by this much, so that the request times out first. */
export const SOCKET_TIMEOUT_MARGIN_MS = 1_000;
/** HTTP.sys, which serves IoT Hub, closes connections that are idle for two minutes. We close them earlier. */
export const IDLE_TIMEOUT_MS = 100_000;

/** A connection that received nothing for this long may be stale: a gateway can drop it without notice. */
const STALE_AFTER_MS = 5_000;

export type ConnectionSettings = Pick<
  Settings,
  'hubHostName' | 'hubEndpoint' | 'hubCaFile' | 'hubDeadlineMs'
>;

/** @param usedAt when the connection last received data, if it ever did */
export function isStale(usedAt: number | undefined): boolean {
  return usedAt !== undefined && Date.now() - usedAt > STALE_AFTER_MS;
}

/** How long a request waits on a stale connection. The rest of the deadline is left for a retry on a new one. */
export function staleConnectionLimitMs({ hubDeadlineMs }: ConnectionSettings): number {
  return hubDeadlineMs / 3;
}

/**
 * Waits for the response to the request that opens a connection.
 *
 * @throws {Problem} `hub_unavailable`, `hub_timeout`
 */
export async function connectionOpened(
  response: Promise<unknown>,
  { hubDeadlineMs }: ConnectionSettings,
): Promise<void> {
  await withDeadline(response, hubDeadlineMs, 'opening a connection').catch((error: unknown) => {
    throw deviceProblem(error);
  });
}
