export { startConnectProxy, type ConnectProxy } from './connectProxy';
