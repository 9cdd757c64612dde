export { createHealthHandler, healthOf, isHealthRequest, type Health } from './health';
