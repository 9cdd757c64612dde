export { isRegistration, type ConnectOther, type OpenedConnection } from './connectOther';
export { createEventHubEndpoint, type EventHubEndpoint } from './eventHubEndpoint';
