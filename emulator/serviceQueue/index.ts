export { createServiceQueue, type QueuedItem, type ServiceQueue } from './serviceQueue';
