export { type EventStreams, createEventStreams } from './eventStreams';
export { type WebApp, type WebEnvironment, type WebServer, createWebApp, startWebServer } from './webServer';
