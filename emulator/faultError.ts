import { OPERATION_TYPES, type HttpsFaultSpec } from './faults';
import { IotHubError, throttled, unauthorized } from './iotHubError';
import { quotaExceeded } from './telemetry';

/** The error with which a fault rejects an operation; undefined if the fault has another effect. */
export function faultError(fault: HttpsFaultSpec, hubName: string): IotHubError | undefined {
  switch (fault.kind) {
    case 'throttle':
      return throttled(OPERATION_TYPES[fault.target], fault.retryAfterSeconds);
    case 'quota':
      return quotaExceeded(hubName);
    case 'serverError':
      return new IotHubError('ServerError', 'An error occurred on the server, please retry.');
    case 'unavailable':
      return new IotHubError('ServiceUnavailable', 'The service is unavailable, please retry.');
    case 'unauthorized':
      return unauthorized();
    default:
      return undefined;
  }
}
