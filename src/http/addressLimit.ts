/** The rate limit per client address. */
import type { HttpRequest } from '@azure/functions';
import { Problem } from '../errorCodes';
import { createRateLimit } from '../visitors';

/** An office or a mobile network may share one address. */
const BURST = 2_000;
const PER_SECOND = 200;
/** Longer than any IP address. Longer values are truncated, so that they do not use up memory. */
const MAX_ADDRESS_CHARACTERS = 64;

/**
 * Limits the requests of one client address on this instance. The platform appends the address to `X-Forwarded-For`,
 * and Front Door sets `X-Azure-SocketIP`. Only the last value can be trusted: the client can send any others.
 *
 * @param header lower case
 * @throws {Problem} `rate_limited`
 */
export function createAddressLimit(header = 'x-forwarded-for'): (request: HttpRequest) => void {
  const limit = createRateLimit(BURST, PER_SECOND);
  return (request) => {
    const address = request.headers.get(header)?.split(',').at(-1)?.trim();
    if (!address) return;
    const withoutPort = address.replace(/(?<=\d|\]):\d+$/, '').slice(0, MAX_ADDRESS_CHARACTERS);
    const seconds = limit.take(withoutPort);
    if (seconds > 0) throw new Problem('rate_limited', 'Too many requests of this client address.', seconds);
  };
}
