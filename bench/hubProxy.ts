import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A captured TCP connection through the proxy. */
export interface CapturedConnection {
  /** whether the connection was opened after the capture began */
  opened: boolean;
  /** flights, in order: the bytes in one direction before the next bytes in the other direction */
  flights: Flight[];
}

export interface Flight {
  from: 'app' | 'hub';
  /** time of its first byte, in ms after the start of the capture */
  atMs: number;
  bytes: Buffer;
}

export interface HubProxy {
  port: number;
  /**
   * Drops all packets of the connections that are open now, without an end or reset. New connections are not affected.
   */
  goSilent: () => void;
  /** Clears the capture. */
  startCapture: () => void;
  /** the connections that were used since then, including those opened before */
  captured: () => readonly CapturedConnection[];
  close: () => void;
}

interface Pair {
  far: Socket | undefined;
  silent: boolean;
  capture: CapturedConnection;
}

/**
 * A proxy that simulates a round trip of `roundTripMs` between app and hub. Each direction is delayed by half of it.
 * Opening a connection is delayed by a whole round trip, for TCP's handshake.
 */
export async function startHubProxy(targetPort: number, roundTripMs = 0): Promise<HubProxy> {
  const pairs = new Map<Socket, Pair>();
  let startedAt = performance.now();
  let captures = new Set<CapturedConnection>();

  const server = createServer({ noDelay: true, pauseOnConnect: true }, (near) => {
    const capture: CapturedConnection = { opened: true, flights: [] };
    const pair: Pair = { far: undefined, silent: false, capture };
    pairs.set(near, pair);
    captures.add(capture);
    near.on('error', () => undefined);
    near.on('close', () => {
      if (!pair.silent) pair.far?.destroy();
      if (!pair.silent) pairs.delete(near);
    });
    const relay = (from: Socket, to: Socket, name: Flight['from']): void => {
      from.on('data', (bytes: Buffer) => {
        if (pair.silent) return;
        captures.add(capture);
        const last = capture.flights.at(-1);
        if (last?.from === name) last.bytes = Buffer.concat([last.bytes, bytes]);
        else capture.flights.push({ from: name, atMs: performance.now() - startedAt, bytes });
        // Timers with the same delay fire in the order in which they were set, so data stays in order.
        later(() => to.writable && to.write(bytes));
      });
      from.on('end', () => {
        later(() => to.end());
      });
    };
    const later = (what: () => void): void => {
      if (roundTripMs === 0) {
        if (!pair.silent) what();
      } else {
        setTimeout(() => {
          if (!pair.silent) what();
        }, roundTripMs / 2);
      }
    };
    setTimeout(() => {
      const far = connect({ host: '127.0.0.1', port: targetPort, noDelay: true, allowHalfOpen: true });
      pair.far = far;
      far.on('error', () => !pair.silent && near.destroy());
      relay(near, far, 'app');
      relay(far, near, 'hub');
      near.resume();
    }, roundTripMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    goSilent: () => {
      for (const pair of pairs.values()) pair.silent = true;
    },
    startCapture: () => {
      startedAt = performance.now();
      captures = new Set();
      for (const { capture } of pairs.values()) {
        capture.opened = false;
        capture.flights = [];
      }
    },
    captured: () => [...captures],
    close: () => {
      for (const [near, { far }] of pairs) {
        near.destroy();
        far?.destroy();
      }
      server.close();
    },
  };
}
