/** Rejects requests for host names that are not local, for every web server on this machine. */

import type { RequestListener } from 'node:http';
import { hostRejection } from '../../emulator/httpsServer/allowedHosts';
import { configuredHosts } from '../allowedHosts';

const REASONS = {
  400: 'The request needs one Host header and a target with the same host',
  421: 'This server has another host name. HUBFRONT_ALLOWED_HOSTS adds allowed names.',
};

/**
 * Wraps a request listener. The listener only gets requests for local host names; others are rejected with 421 or 400
 * before a framework parses their URL. So each server on this machine responds to them in the same way.
 */
export function rejectForeignHosts(listener: RequestListener): RequestListener {
  const hosts = configuredHosts();
  return (request, response) => {
    const rejection = hostRejection(request, hosts);
    if (rejection === undefined) {
      listener(request, response);
      return;
    }
    response
      .writeHead(rejection, {
        'Content-Type': 'text/plain; charset=utf-8',
        'Cache-Control': 'no-store',
        // The body, if any, is not read.
        Connection: 'close',
      })
      .end(REASONS[rejection]);
  };
}
