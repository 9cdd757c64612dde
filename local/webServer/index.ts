export { type EventStreams, createEventStreams } from './eventStreams';
export { rejectForeignHosts } from './foreignHosts';
export { type WebApp, type WebEnvironment, type WebServer, createWebApp, startWebServer } from './webServer';
