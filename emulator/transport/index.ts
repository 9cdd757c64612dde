export { clientCertificate, deviceServerOptions, type ClientCertificate } from './clientCertificate';
export { hostNameOf, serverNameOf } from './hostName';
export { startTcpListener, type TcpListener } from './tcpListener';
export { trackTcpSockets } from './tcpSockets';
export type { Transport } from './transport';
export { createWebSocketUpgrade, type WebSocketUpgrade } from './webSocketUpgrade';
