import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import type { EventHubConnection } from '../../settings';

/** The event after which the socket can be written to. */
export type ConnectEvent = 'connect' | 'secureConnect';

/** Opens a socket to the Event Hub-compatible endpoint: TLS, or plain TCP for the emulator. */
export function openSocket({ host, port, plainTcp, caFile }: EventHubConnection): {
  socket: net.Socket;
  connectEvent: ConnectEvent;
} {
  const socket = plainTcp
    ? net.connect({ host, port })
    : tls.connect({
        host,
        port,
        servername: net.isIP(host) === 0 ? host : '',
        ...(caFile === undefined ? {} : { ca: [...tls.rootCertificates, readFileSync(caFile)] }),
      });
  socket.setNoDelay(true);
  return { socket, connectEvent: plainTcp ? 'connect' : 'secureConnect' };
}
