export { createEventHubEndpoint, type EventHubEndpoint } from './eventHubEndpoint';
