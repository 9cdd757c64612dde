export { MAX_MESSAGE_BYTES, quotaExceeded } from './limits';
export { telemetryRoute } from './telemetryRoute';
