import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/**
 * A hub that is far away: TCP, each way delayed by half a round trip. The opening of a connection is delayed too, by
 * the round trip that TCP's own handshake takes.
 */
export async function startDelayingProxy(
  targetPort: number,
  roundTripMs: number,
): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const later = (from: Socket, to: Socket, afterMs: number): void => {
    // Timers of one length fire in the order in which they were set: nothing overtakes.
    from.on('data', (data) => setTimeout(() => to.writable && to.write(data), afterMs));
    from.on('end', () => setTimeout(() => to.end(), afterMs));
    from.on('error', () => to.destroy());
    from.on('close', () => sockets.delete(from));
    sockets.add(from);
  };
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (near) => {
    setTimeout(() => {
      const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
      later(near, far, roundTripMs / 2);
      later(far, near, roundTripMs / 2);
      near.resume();
    }, roundTripMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
