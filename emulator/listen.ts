/** Opens the port of a server of the emulator. */

import type { AddressInfo, Server } from 'node:net';

export const LOOPBACK = '127.0.0.1';
/** Addresses that stand for all addresses of the machine. */
const UNSPECIFIED = ['0.0.0.0', '::'];

/** The address by which this process reaches a server that listens on `address`. */
export const ownAddress = (address: string): string => (UNSPECIFIED.includes(address) ? LOOPBACK : address);

/**
 * Listens for clients. Rejects with Node's listen error (`code`, `port`).
 *
 * @param address an IP address of this machine
 * @param port 0: any free port
 * @returns the port
 */
export function listen(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
