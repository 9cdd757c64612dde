import type { AmqpCondition } from './amqp';
import type { IotHubError, IotHubErrorCode } from './iotHubError';

/** The conditions that Microsoft's SDKs turn into their errors (azure-iot-amqp-base, amqp_common_errors). */
const CONDITIONS: Partial<Record<IotHubErrorCode, string>> = {
  DeviceNotFound: 'amqp:not-found',
  ModuleNotFound: 'amqp:not-found',
  DeviceMaximumQueueDepthExceeded: 'amqp:resource-limit-exceeded',
  IotHubQuotaExceeded: 'amqp:resource-limit-exceeded',
  IotHubUnauthorizedAccess: 'amqp:unauthorized-access',
  MessageTooLarge: 'amqp:link:message-size-exceeded',
  NotImplemented: 'amqp:not-implemented',
  ServerError: 'amqp:internal-error',
  ServiceUnavailable: 'com.microsoft:timeout',
  ThrottlingBacklogTimeout: 'com.microsoft:device-container-throttled',
};

/** The AMQP error with which the hub rejects a message or a link. */
export const amqpError = (error: IotHubError): AmqpCondition => ({
  condition: CONDITIONS[error.code] ?? 'com.microsoft:argument-error',
  description: error.message,
});
