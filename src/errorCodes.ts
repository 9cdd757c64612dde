/**
 * The catalogue of errors by stable code: HTTP status and title of the problem details (RFC 9457). Only this file
 * defines error statuses.
 */
export const PROBLEMS = {
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_request: { status: 400, title: 'The body does not have the expected shape' },
  invalid_device_id: { status: 400, title: 'IoT Hub does not accept this device id' },
  invalid_device_key: {
    status: 400,
    title: 'The device key is not standard base64 of 16 to 64 bytes',
  },
  invalid_message_id: { status: 400, title: 'IoT Hub does not accept this message id' },
  invalid_property: { status: 400, title: 'IoT Hub does not accept this application property over HTTPS' },
  invalid_query: { status: 400, title: 'A query parameter is malformed' },
  invalid_cursor: { status: 400, title: 'The cursor is malformed' },
  unknown_partition: { status: 400, title: 'The hub has no such partition' },
  device_unauthorized: {
    status: 401,
    title: 'IoT Hub rejected the device: it is unknown or disabled, or the key is wrong',
  },
  not_found: { status: 404, title: 'This method is not supported here' },
  not_acceptable: { status: 406, title: 'None of the accepted media types or encodings is available' },
  device_exists: { status: 409, title: 'A device with this id already exists' },
  length_required: { status: 411, title: 'The body needs a Content-Length' },
  body_too_large: { status: 413, title: 'The body is too large' },
  message_too_large: { status: 413, title: 'The message is larger than IoT Hub accepts' },
  unsupported_media_type: { status: 415, title: 'The media type of the body is not supported' },
  rate_limited: { status: 429, title: 'Too many requests from one visitor or address' },
  hub_throttled: { status: 429, title: 'IoT Hub is throttling requests' },
  hub_quota_exceeded: { status: 429, title: 'The daily quota of the IoT hub is used up' },
  internal_error: { status: 500, title: 'Internal error' },
  settings_invalid: { status: 503, title: 'The settings of the app are missing or malformed' },
  hub_unavailable: { status: 503, title: 'IoT Hub is unreachable or failed' },
  hub_access_denied: { status: 503, title: 'IoT Hub rejected the credentials of this app' },
  hub_timeout: { status: 504, title: 'IoT Hub did not respond in time' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** An error that is returned to the client. `message` becomes the `detail` of the problem details. */
export class Problem extends Error {
  override readonly name = 'Problem';

  /**
   * @param code stable code from the catalogue
   * @param detail what is wrong with this request; must not contain a key, token or connection string
   * @param retryAfterSeconds whole seconds for `Retry-After`; absent when a retry cannot help
   */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(detail);
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  /** Whether a later retry can succeed. */
  get isRetryable(): boolean {
    return this.retryAfterSeconds !== undefined;
  }

  get title(): string {
    return PROBLEMS[this.code].title;
  }
}
