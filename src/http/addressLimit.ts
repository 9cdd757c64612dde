/** The rate limit per client address. */
import { isIPv6 } from 'node:net';
import type { HttpRequest } from '@azure/functions';
import { Problem } from '../errorCodes';
import { createRateLimit } from '../visitors';

/** An office or a mobile network may share one address. */
const BURST = 2_000;
const PER_SECOND = 200;
/** Longer than any IP address. Longer values are truncated, so that they do not use up memory. */
const MAX_ADDRESS_CHARACTERS = 64;
/** Groups of 16 bits in an IPv6 address, and in a network of one site (RFC 6177: at least a /64). */
const IPV6_GROUPS = 8;
const IPV6_NETWORK_GROUPS = 4;

/**
 * Limits the requests of one client address on this instance. The platform appends the address to `X-Forwarded-For`,
 * and Front Door sets `X-Azure-SocketIP`. Only the last value can be trusted: the client can send any others. One
 * client can use all addresses of an IPv6 network, so the limit applies to the /64 network.
 *
 * @param header lower case
 * @throws {Problem} `rate_limited`
 */
export function createAddressLimit(header = 'x-forwarded-for'): (request: HttpRequest) => void {
  const limit = createRateLimit(BURST, PER_SECOND);
  return (request) => {
    const address = request.headers.get(header)?.split(',').at(-1)?.trim();
    if (!address) return;
    const seconds = limit.take(clientOf(withoutPort(address.slice(0, MAX_ADDRESS_CHARACTERS))));
    if (seconds > 0)
      throw new Problem('rate_limited', 'Too many requests from this client address.', seconds);
  };
}

/** An IPv6 address has a port only if it is in brackets. */
function withoutPort(address: string): string {
  const inBrackets = /^\[([^\]]*)\]/.exec(address)?.[1];
  return inBrackets ?? address.replace(/^([^:]*):\d+$/, '$1');
}

/** @returns an IPv4 address, the /64 network of an IPv6 address, or any other text unchanged */
function clientOf(address: string): string {
  if (!isIPv6(address)) return address;
  const { hostname } = new URL(`http://[${address.replace(/%.*/s, '')}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const groupsOf = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  const zeros = Array<number>(IPV6_GROUPS - before.length - after.length).fill(0);
  const groups = [...before, ...zeros, ...after];
  const [high = 0, low = 0] = groups.slice(-2);
  const isMappedIPv4 = groups.slice(0, 6).join() === '0,0,0,0,0,65535';
  if (isMappedIPv4) return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return groups
    .slice(0, IPV6_NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':');
}
