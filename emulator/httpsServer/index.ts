export { checkAllowedHosts, isAllowedHost } from './allowedHosts';
export { startHttpsServer, type HttpsServer, type HubResponse, type Outcome } from './httpsServer';
export { readBody } from './readBody';
