/** Tracks the TCP sockets of a server, also beneath TLS. */

import type { Server, Socket } from 'node:net';

interface TcpSockets {
  count(): number;
  /** Resets the connection of a socket. Node cannot reset a TLS socket, only the TCP socket beneath it. */
  reset(socket: Socket): void;
  /** Resets every connection, except those of the given sockets. */
  resetAll(kept: readonly Socket[]): void;
  /** Ends every connection, so that a closed server has nothing to wait for. */
  destroyAll(): void;
}

export function trackTcpSockets(server: Server): TcpSockets {
  const sockets = new Set<Socket>();
  /** By remote address and port: a TLS socket has the same as the TCP socket beneath it. */
  const byPeer = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    sockets.add(socket);
    if (peer !== undefined) byPeer.set(peer, socket);
    socket.on('close', () => {
      sockets.delete(socket);
      // The client may have opened a new connection from this port before the event.
      if (peer !== undefined && byPeer.get(peer) === socket) byPeer.delete(peer);
    });
  });
  return {
    count: () => sockets.size,
    reset(socket) {
      const peer = peerOf(socket);
      if (peer !== undefined) byPeer.get(peer)?.resetAndDestroy();
      socket.destroy();
    },
    resetAll(kept) {
      const peers = kept.map(peerOf);
      for (const [peer, socket] of byPeer) if (!peers.includes(peer)) socket.resetAndDestroy();
    },
    destroyAll: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** Undefined for a socket that has disconnected. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string | undefined =>
  remoteAddress === undefined || remotePort === undefined ? undefined : `${remoteAddress}:${remotePort}`;
