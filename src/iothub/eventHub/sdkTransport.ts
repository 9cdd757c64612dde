/** The socket on which Microsoft's Event Hubs SDK runs. */

import type { Socket } from 'node:net';
import type { WebSocketImpl } from 'rhea';
import type { EventHubConnection } from '../../settings';
import { openSocket } from './socket';

interface Transport {
  /** called with the first failure of a socket, or when the peer closes it */
  onEnd: (error?: Error) => void;
  onData: () => void;
}

/**
 * Our own transport for Microsoft's SDK. The SDK's transport does not set TCP_NODELAY, and does not trust a private
 * certificate authority. The SDK's option `webSocketOptions.webSocket` accepts any class with the interface of a
 * WebSocket.
 */
export function createSdkSocket(settings: EventHubConnection, { onEnd, onData }: Transport): WebSocketImpl {
  class SdkSocket {
    onopen: (() => void) | undefined;
    onmessage: ((event: { data: Buffer }) => void) | undefined;
    onclose: (() => void) | undefined;
    onerror: ((error: Error) => void) | undefined;
    readonly #socket: Socket;

    constructor(readonly url: string) {
      const { socket, connectEvent } = openSocket(settings);
      this.#socket = socket;
      socket.once(connectEvent, () => this.onopen?.());
      socket.on('data', (data) => {
        onData();
        this.onmessage?.({ data });
      });
      socket.on('end', () => {
        onEnd();
      });
      socket.on('error', onEnd);
      socket.on('close', () => {
        onEnd();
        this.onclose?.();
      });
    }

    send(data: Uint8Array): void {
      this.#socket.write(data);
    }

    close(): void {
      this.#socket.end();
    }
  }
  return SdkSocket as unknown as WebSocketImpl;
}
