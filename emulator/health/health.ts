/** Whether the emulator is ready, for the health checks of container engines. */

import type { IncomingMessage, RequestListener } from 'node:http';

/** A port of the emulator. */
interface Listener {
  readonly port: number;
  isListening(): boolean;
}

/** `ready` if every listener is. */
export interface Health {
  readonly status: 'ready' | 'not ready';
  /** By protocol: `https`, `amqp`, `amqps`, `mqtts`, `proxy`. Absent: the listener is off. */
  readonly listeners: Readonly<
    Record<string, { readonly port: number; readonly status: 'ready' | 'not ready' }>
  >;
}

const PATH = '/health';

export const isHealthRequest = ({ url = '' }: IncomingMessage): boolean =>
  url === PATH || url.startsWith(`${PATH}?`);

export function healthOf(listeners: Readonly<Record<string, Listener | undefined>>): Health {
  const states = Object.entries(listeners).flatMap(([name, listener]) => {
    if (!listener) return [];
    const status = listener.isListening() ? ('ready' as const) : ('not ready' as const);
    return [[name, { port: listener.port, status }] as const];
  });
  const isReady = states.every(([, { status }]) => status === 'ready');
  return { status: isReady ? 'ready' : 'not ready', listeners: Object.fromEntries(states) };
}

/** `GET /health`: 200 if every listener is ready, otherwise 503. */
export const createHealthHandler =
  (health: () => Health): RequestListener =>
  ({ method }, response) => {
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    const current = health();
    const json = JSON.stringify(current);
    response.writeHead(current.status === 'ready' ? 200 : 503, {
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(json),
    });
    response.end(method === 'HEAD' ? undefined : json);
  };
