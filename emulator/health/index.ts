export { createHealthHandler, healthOf, isHealthRequest, type Health, type Listener } from './health';
