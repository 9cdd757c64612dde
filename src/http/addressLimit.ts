import type { HttpRequest } from '@azure/functions';
import { Problem } from '../problems';
import { createRateLimit } from '../visitors';

/** A whole office or mobile network may share an address. */
const BURST = 2_000;
const PER_SECOND = 200;

/**
 * Limits the requests of one client address on this instance. The platform appends the address to `X-Forwarded-For`;
 * the client can forge everything before it.
 *
 * @throws {Problem} `rate_limited`
 */
export function createAddressLimit(): (request: HttpRequest) => void {
  const limit = createRateLimit(BURST, PER_SECOND);
  return (request) => {
    const address = request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim();
    if (!address) return;
    const seconds = limit.take(address.replace(/(?<=\d|\]):\d+$/, ''));
    if (seconds > 0)
      throw new Problem('rate_limited', 'Too many requests from this client address.', seconds);
  };
}
