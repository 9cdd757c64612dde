/** Tracks the TCP sockets of a server, also beneath TLS. */

import type { Server, Socket } from 'node:net';

export interface TcpSockets {
  count(): number;
  /** Resets the connection of a socket. Node cannot reset a TLS socket, only the TCP socket beneath it. */
  reset(socket: Socket): void;
  resetAll(): void;
  /** Ends every connection, so that a closed server has nothing to wait for. */
  destroyAll(): void;
}

export function trackTcpSockets(server: Server): TcpSockets {
  const sockets = new Set<Socket>();
  /** A TLS socket has the same remote port as the TCP socket beneath it. */
  const byRemotePort = new Map<number, Socket>();
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    sockets.add(socket);
    if (remotePort !== undefined) byRemotePort.set(remotePort, socket);
    socket.on('close', () => {
      sockets.delete(socket);
      // The client may have opened a new connection from this port before the event.
      if (remotePort !== undefined && byRemotePort.get(remotePort) === socket)
        byRemotePort.delete(remotePort);
    });
  });
  return {
    count: () => sockets.size,
    reset(socket) {
      if (socket.remotePort !== undefined) byRemotePort.get(socket.remotePort)?.resetAndDestroy();
      socket.destroy();
    },
    resetAll: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    destroyAll: () => sockets.forEach((socket) => socket.destroy()),
  };
}
