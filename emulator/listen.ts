/** Opens the port of a server of the emulator. */

import { isIPv6, type AddressInfo, type Server } from 'node:net';

export const LOOPBACK = '127.0.0.1';
/** Addresses that stand for all addresses of the machine. */
const UNSPECIFIED = ['0.0.0.0', '::'];

/** The address by which this process reaches a server that listens on `address`. */
export const ownAddress = (address: string): string => (UNSPECIFIED.includes(address) ? LOOPBACK : address);

/** An IP address as the host of a URL or a `Host` header: an IPv6 address is in brackets, in its shortest form. */
export function urlHost(address: string): string {
  if (!isIPv6(address)) return address;
  const withoutZone = address.replace(/%.*$/, '');
  return new URL(`http://[${withoutZone}]`).hostname;
}

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
