/** An HTTP CONNECT proxy that redirects Azure's SDKs from the hub's public ports to the emulator. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listen, ownAddress } from '../listen';

export interface ConnectProxy {
  readonly port: number;
  isListening(): boolean;
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** The IP address to listen on. */
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** Whether a host name is redirected to the emulator. */
  readonly isKnownHost: (host: string) => boolean;
  /** The emulator's port for each port that Azure's clients use (443, 5671). */
  readonly ports: Readonly<Record<number, number | undefined>>;
}

/**
 * Starts an HTTP proxy that connects `CONNECT` requests for the hub's host name to the emulator. Azure's SDKs use the
 * fixed ports 443 and 5671 of that name, and most of them use the proxy of `HTTPS_PROXY`. Rejects with Node's listen error (`code`, `port`).
 */
export async function startConnectProxy(options: ConnectProxyOptions): Promise<ConnectProxy> {
  const sockets = new Set<Duplex>();
  const track = (socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // either end may disconnect at any time
  };
  const server = createServer(refuseRequest);
  server.on('connection', track);
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    const target = targetOf(request.url ?? '', options);
    if (typeof target === 'string') {
      client.end(`HTTP/1.1 502 Bad Gateway\r\n${textHeaders(target)}\r\n${target}`);
      return;
    }
    const emulator = connect(target.port, ownAddress(options.address), () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      emulator.write(head);
      client.pipe(emulator).pipe(client);
    });
    track(emulator);
    emulator.setNoDelay(true);
    client.setNoDelay(true);
    client.on('close', () => emulator.destroy());
    emulator.on('close', () => client.destroy());
  });
  const port = await listen(server, options.address, options.port);
  return {
    port,
    isListening: () => server.listening,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sockets.forEach((socket) => socket.destroy());
      }),
  };
}

/** The emulator's port for `host:port`, or the reason why there is none. */
function targetOf(authority: string, { isKnownHost, ports }: ConnectProxyOptions): { port: number } | string {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(authority) ?? [];
  if (!isKnownHost(host)) {
    return `This proxy only connects to the Hubfront emulator. Add '${printable(host)}' to NO_PROXY to reach it directly.`;
  }
  const emulatorPort = ports[Number(port)];
  if (emulatorPort !== undefined) return { port: emulatorPort };
  const known = Object.keys(ports).filter((key) => ports[Number(key)] !== undefined);
  return `The Hubfront emulator does not serve port ${port}. It serves ${known.join(', ')}.`;
}

const MAX_PRINTED_HOST = 253;
const printable = (host: string) => host.replace(/[^\w.:[\]-]/g, '').slice(0, MAX_PRINTED_HOST);

const textHeaders = (text: string) =>
  `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n`;

function refuseRequest(_request: IncomingMessage, response: ServerResponse): void {
  const text =
    'This proxy supports only HTTPS. Set it as HTTPS_PROXY, for https:// addresses of the emulated hub.';
  response.writeHead(405, { Allow: 'CONNECT', 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}
