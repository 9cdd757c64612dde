import net from 'node:net';
import tls from 'node:tls';
import type { WebSocketOptions } from '@azure/event-hubs';
import type { EventHubConnection } from '../settings';

/** What is known of the sockets of one client, and the way to be rid of them. */
export interface OwnedSockets {
  /** when a byte was last received, `Date.now()` */
  lastReceivedAt: () => number;
  destroy: () => void;
}

/**
 * The Event Hubs SDK takes "any WebSocket-shaped class" as its transport. This one is a plain TCP or TLS socket that
 * carries AMQP as it is, so that we own it: no Nagle delay, destroyed at will, and the first to know when it ends.
 * The SDK alone can keep using a connection that the service has closed, and then throws where nobody can catch it.
 *
 * @param onEnd called once, when any of the sockets has ended, failed or been closed by the service
 */
export function ownedTransport(
  connection: EventHubConnection,
  onEnd: () => void,
): { webSocket: NonNullable<WebSocketOptions['webSocket']>; sockets: OwnedSockets } {
  const open = new Set<net.Socket>();
  let receivedAt = Date.now();

  class DirectSocket {
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: Buffer }) => void) | null = null;
    onerror: ((error: Error) => void) | null = null;
    onclose: (() => void) | null = null;
    readonly #socket: net.Socket;
    #over = false;

    constructor(readonly url: string) {
      const { host, port, plainTcp } = connection;
      this.#socket = plainTcp
        ? net.connect({ host, port })
        : tls.connect({ host, port, servername: net.isIP(host) === 0 ? host : '' });
      const socket = this.#socket;
      open.add(socket);
      socket.setNoDelay(true);
      socket.once(plainTcp ? 'connect' : 'secureConnect', () => this.onopen?.());
      socket.on('data', (data) => {
        receivedAt = Date.now();
        this.onmessage?.({ data });
      });
      socket.on('end', onEnd);
      socket.on('error', (error) => {
        this.#finish(() => this.onerror?.(error));
      });
      socket.on('close', () => {
        this.#finish(() => this.onclose?.());
      });
    }

    /** Called by the SDK for every frame: frames written in one turn leave in one packet. */
    send(data: Uint8Array): void {
      const socket = this.#socket;
      if (socket.destroyed) return;
      if (socket.writableCorked === 0) {
        socket.cork();
        process.nextTick(() => {
          socket.uncork();
        });
      }
      socket.write(data);
    }

    close(): void {
      this.#socket.destroySoon();
    }

    #finish(tell: () => void): void {
      if (this.#over) return;
      this.#over = true;
      open.delete(this.#socket);
      onEnd();
      tell();
    }
  }

  return {
    webSocket: DirectSocket,
    sockets: {
      lastReceivedAt: () => receivedAt,
      destroy: () => {
        for (const socket of open) socket.destroy();
      },
    },
  };
}
