import { AmqpError, toAmqpError } from './amqpError';

/** The SDK's names for the AMQP conditions that the feed handles. */
const CONDITIONS: Readonly<Record<string, string>> = {
  UnauthorizedError: 'amqp:unauthorized-access',
  MessagingEntityNotFoundError: 'amqp:not-found',
  MessagingEntityDisabledError: 'com.microsoft:entity-disabled',
  QuotaExceededError: 'amqp:resource-limit-exceeded',
  ServerBusyError: 'com.microsoft:server-busy',
  OperationTimeoutError: 'com.microsoft:timeout',
  ServiceUnavailableError: 'com.microsoft:timeout',
  ReceiverDisconnectedError: 'amqp:link:stolen',
};

/** Converts an error of the SDK to one with the condition that the service sent. */
export function sdkError(error: unknown): AmqpError {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const condition = typeof code === 'string' ? CONDITIONS[code] : undefined;
  return condition === undefined ? toAmqpError(error) : new AmqpError(condition, String(message));
}
