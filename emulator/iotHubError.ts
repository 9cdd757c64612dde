import { randomUUID } from 'node:crypto';

/**
 * IoT Hub's error codes with their HTTP status (iot-hub-troubleshoot-error-codes; the numbers are those of
 * `Microsoft.Azure.Devices.Common.Exceptions.ErrorCode` in the service SDK for .NET).
 */
const ERRORS = {
  InvalidProtocolVersion: { status: 400, number: 400001 },
  InvalidOperation: { status: 400, number: 400003 },
  ArgumentInvalid: { status: 400, number: 400004 },
  IotHubFormatError: { status: 400, number: 400006 },
  DeserializationError: { status: 400, number: 400012 },
  DefaultStorageEndpointNotConfigured: { status: 400, number: 400014 },
  InvalidFileUploadCorrelationId: { status: 400, number: 400015 },
  InvalidStorageEndpointOrBlob: { status: 400, number: 400020 },
  IotHubUnauthorizedAccess: { status: 401, number: 401002 },
  JobQuotaExceeded: { status: 403, number: 403001 },
  IotHubQuotaExceeded: { status: 403, number: 403002 },
  DeviceMaximumQueueDepthExceeded: { status: 403, number: 403004 },
  DeviceMaximumActiveFileUploadLimitExceeded: { status: 403, number: 403006 },
  DeviceNotFound: { status: 404, number: 404001 },
  JobNotFound: { status: 404, number: 404002 },
  ModuleNotFound: { status: 404, number: 404010 },
  DeviceNotOnline: { status: 404, number: 404103 },
  GenericMethodNotAllowed: { status: 405, number: 405000 },
  DeviceAlreadyExists: { status: 409, number: 409001 },
  ModuleAlreadyExistsOnDevice: { status: 409, number: 409301 },
  PreconditionFailed: { status: 412, number: 412001 },
  DeviceMessageLockLost: { status: 412, number: 412002 },
  MessageTooLarge: { status: 413, number: 413001 },
  TooManyDevices: { status: 413, number: 413002 },
  TooManyModulesOnDevice: { status: 413, number: 413003 },
  ThrottlingBacklogTimeout: { status: 429, number: 429003 },
  ServerError: { status: 500, number: 500001 },
  NotImplemented: { status: 501, number: 501000 },
  ServiceUnavailable: { status: 503, number: 503001 },
  GatewayTimeout: { status: 504, number: 504101 },
} as const;

export type IotHubErrorCode = keyof typeof ERRORS;

/** An error response of IoT Hub. Handlers throw it, and the server writes it. */
export class IotHubError extends Error {
  readonly status: number;
  readonly number: number;
  constructor(
    readonly code: IotHubErrorCode,
    readonly text: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(`${code};${text}`);
    this.name = 'IotHubError';
    this.status = ERRORS[code].status;
    this.number = ERRORS[code].number;
  }
}

/** IoT Hub returns the same error for a wrong key, a wrong scope, an expired token and an unknown device. */
export const unauthorized = () => new IotHubError('IotHubUnauthorizedAccess', 'Unauthorized');

/**
 * The error of a throttled request, with the service's text, which is the only place where the service gives the delay.
 * `retryAfterSeconds` also adds the header.
 */
export function throttled(operation: string, retryAfterSeconds?: number): IotHubError {
  const text =
    'The request has been throttled. Wait 10 seconds and try again. ' +
    `Operation type: ${operation}. For more information, see Guidance on IoT Hub throttling`;
  return new IotHubError(
    'ThrottlingBacklogTimeout',
    text,
    retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) },
  );
}

/** An error as a document with its number, as IoT Hub sends it to devices and for direct methods. */
export const errorDocument = (errorCode: number, message: string) => ({
  errorCode,
  trackingId: randomUUID().replaceAll('-', ''),
  message,
  timestampUtc: new Date().toISOString(),
});

/** The error for an operation of IoT Hub that the emulator does not support. */
export const notImplemented = (about: string): IotHubError =>
  new IotHubError(
    'NotImplemented',
    `The Hubfront emulator does not support ${about}. docs/emulator.md lists what it supports.`,
  );

/** The text of these errors is a JSON document, which the hub sends as it is. */
const DOCUMENT_CODES: readonly IotHubErrorCode[] = ['DeviceNotOnline', 'GatewayTimeout'];

/** The operations of module identities return their errors as such a document, without the `Message` around it. */
const MODULE_CODES: readonly IotHubErrorCode[] = [
  'ModuleNotFound',
  'ModuleAlreadyExistsOnDevice',
  'TooManyModulesOnDevice',
];

/** The JSON that IoT Hub sends with an error. */
export function errorBody(error: IotHubError): object {
  if (MODULE_CODES.includes(error.code)) return errorDocument(error.number, error.text);
  if (DOCUMENT_CODES.includes(error.code)) return { Message: error.text, ExceptionMessage: '' };
  const [, date = '', time = ''] = /^(\S+)T(\S+)\./.exec(new Date().toISOString()) ?? [];
  const [year, month, day] = date.split('-');
  const tracking = randomUUID().replaceAll('-', '');
  return {
    Message: `ErrorCode:${error.code};${error.text}`,
    ExceptionMessage: `Tracking ID:${tracking}-G:0-TimeStamp:${month}/${day}/${year} ${time}`,
  };
}
