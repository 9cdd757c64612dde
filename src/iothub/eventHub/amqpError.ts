/** Errors of the Event Hub-compatible endpoint, with their AMQP conditions. */

/** An error of the Event Hub-compatible endpoint, or of the connection to it. */
export class AmqpError extends Error {
  override readonly name = 'AmqpError';

  /**
   * @param condition AMQP error condition, `amqp:not-found`, `com.microsoft:server-busy` …, or the code of a socket's
   * error, `ECONNREFUSED` …
   */
  constructor(
    readonly condition: string,
    message: string,
  ) {
    super(message);
  }
}

/** Converts anything that rhea, a socket or the service has thrown or sent. */
export function toAmqpError(error: unknown): AmqpError {
  if (error instanceof AmqpError) return error;
  const { name, condition, code, description, message } = (error ?? {}) as Record<string, unknown>;
  if (name === 'TimeoutError') return new AmqpError('com.microsoft:timeout', 'Out of time'); // the reason of an AbortSignal
  const kind = [condition, code].find(isText);
  const text = [description, message].find(isText);
  return new AmqpError(kind ?? 'amqp:connection:forced', text ?? 'The connection to the hub was lost');
}

/** Converts an error response of the service to an error. */
export function refusal(status: number, condition: unknown, description: unknown): AmqpError {
  return new AmqpError(
    typeof condition === 'string' ? condition : (CONDITIONS[status] ?? 'amqp:internal-error'),
    typeof description === 'string' ? description : `status ${status}`,
  );
}

/** For responses with only a status, such as those of `$cbs`. */
const CONDITIONS: Readonly<Record<number, string>> = {
  401: 'amqp:unauthorized-access',
  403: 'amqp:unauthorized-access',
  404: 'amqp:not-found',
  408: 'com.microsoft:timeout',
  410: 'amqp:not-found',
  503: 'com.microsoft:server-busy',
};

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
