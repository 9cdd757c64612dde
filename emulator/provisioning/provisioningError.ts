import { randomUUID } from 'node:crypto';
import type { AmqpCondition } from '../amqp';
import type { HubResponse } from '../httpsServer';
import { IotHubError } from '../iotHubError';
import type { Log } from '../log';

/**
 * Errors of the service with their HTTP status and number. Microsoft's tests and issues show 401002
 * (azure-iot-sdk-node#721) and 404201 (azure-iot-sdk-csharp, ProvisioningE2ETests). It publishes only the statuses of
 * the others (iot-dps, how-to-troubleshoot-dps).
 */
const ERRORS = {
  BadRequest: { status: 400, number: 400_000 },
  Unauthorized: { status: 401, number: 401_002 },
  QuotaExceeded: { status: 403, number: 403_000 },
  NotFound: { status: 404, number: 404_201 },
  MethodNotAllowed: { status: 405, number: 405_000 },
  Conflict: { status: 409, number: 409_000 },
  PreconditionFailed: { status: 412, number: 412_000 },
  TooLarge: { status: 413, number: 413_000 },
  InternalError: { status: 500, number: 500_000 },
  NotImplemented: { status: 501, number: 501_000 },
} as const;

/** An error response of the Device Provisioning Service. */
export class ProvisioningError extends Error {
  readonly status: number;
  readonly number: number;
  constructor(code: keyof typeof ERRORS, message: string) {
    super(message);
    this.name = 'ProvisioningError';
    this.status = ERRORS[code].status;
    this.number = ERRORS[code].number;
  }
}

/** One error for a wrong key, a wrong scope, an expired token and an unknown registration, so that none reveals another. */
export const unauthorized = () => new ProvisioningError('Unauthorized', 'Unauthorized');

export const notEmulated = (about: string) =>
  new ProvisioningError(
    'NotImplemented',
    `The Hubfront emulator does not support ${about}. docs/emulator.md lists what it supports.`,
  );

/**
 * The error that a device gets over MQTT or AMQP. An unexpected error is logged, and the device does not see its message.
 * Rethrown, it would end the connection as if the device had sent malformed bytes.
 */
export function responseError(error: unknown, log: Pick<Log, 'error'>): ProvisioningError | IotHubError {
  if (error instanceof ProvisioningError || error instanceof IotHubError) return error;
  log.error(`provisioning request failed: ${error instanceof Error ? error.message : String(error)}`);
  return new ProvisioningError('InternalError', 'An error occurred on the server, please retry.');
}

export interface ErrorDetails {
  readonly status: number;
  readonly body: object;
}

/** The status and JSON of an error (rest/api/iot-dps, ProvisioningServiceErrorDetails). Rethrows other errors. */
export function errorDetails(error: unknown): ErrorDetails {
  if (!(error instanceof ProvisioningError) && !(error instanceof IotHubError)) throw error;
  return {
    status: error.status,
    body: {
      errorCode: error.number,
      trackingId: randomUUID(),
      message: error instanceof IotHubError ? error.text : error.message,
      timestampUtc: new Date().toISOString(),
    },
  };
}

export function errorResponse(error: unknown): HubResponse {
  const { status, body } = errorDetails(error);
  return { status, body };
}

/** The conditions that Microsoft's SDKs turn into their errors (azure-iot-amqp-base, amqp_common_errors). */
const CONDITIONS: Readonly<Record<number, string>> = {
  401: 'amqp:unauthorized-access',
  403: 'amqp:resource-limit-exceeded',
  404: 'amqp:not-found',
  413: 'amqp:link:message-size-exceeded',
  501: 'amqp:not-implemented',
};

/**
 * The AMQP error of a connection or a delivery. The description is the error's JSON (azure-iot-sdk-c#815;
 * azure-iot-sdk-csharp, ProvisioningTransportHandlerAmqp). Rethrows other errors.
 */
export function amqpRejection(error: unknown): { readonly status: number; readonly error: AmqpCondition } {
  const { status, body } = errorDetails(error);
  const otherwise = status < 500 ? 'com.microsoft:argument-error' : 'amqp:internal-error';
  return {
    status,
    error: { condition: CONDITIONS[status] ?? otherwise, description: JSON.stringify(body) },
  };
}
