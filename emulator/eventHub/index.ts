export { startEventHubServer, type EventHubServer } from './eventHubServer';
