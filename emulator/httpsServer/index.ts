export { startHttpsServer, type HttpsServer } from './httpsServer';
export { createHubHandler } from './hubHandler';
