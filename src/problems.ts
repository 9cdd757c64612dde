/**
 * The one catalogue of what can go wrong, by stable code: HTTP status and title of the problem details
 * (RFC 9457) that a client gets. Nothing else in the app writes an error status of its own.
 */
export const PROBLEMS = {
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_request: { status: 400, title: 'The body does not have the expected shape' },
  invalid_device_id: { status: 400, title: 'The device id is not one that IoT Hub accepts' },
  invalid_device_key: {
    status: 400,
    title: 'The device key is not a base64 symmetric key of 16 to 64 bytes',
  },
  invalid_message_id: { status: 400, title: 'The message id is not one that IoT Hub accepts' },
  invalid_property: { status: 400, title: 'An application property cannot be carried over HTTPS' },
  invalid_query: { status: 400, title: 'A query parameter is malformed' },
  invalid_cursor: { status: 400, title: 'The cursor is malformed' },
  unknown_partition: { status: 400, title: 'The hub has no such partition' },
  device_unauthorized: { status: 401, title: 'IoT Hub refused the device: unknown, disabled, or wrong key' },
  not_found: { status: 404, title: 'There is nothing to get here' },
  not_acceptable: { status: 406, title: 'None of the accepted media types can be produced' },
  device_exists: { status: 409, title: 'A device with this id is registered already' },
  length_required: { status: 411, title: 'The body needs a Content-Length' },
  body_too_large: { status: 413, title: 'The body is too large' },
  message_too_large: { status: 413, title: 'The message is larger than IoT Hub takes' },
  unsupported_media_type: { status: 415, title: 'The media type of the body is not supported' },
  hub_throttled: { status: 429, title: 'IoT Hub is throttling' },
  hub_quota_exceeded: { status: 429, title: 'The quota of the IoT hub is used up' },
  internal_error: { status: 500, title: 'The app failed in a way it should not' },
  settings_invalid: { status: 503, title: 'The settings of the app are incomplete' },
  hub_unavailable: { status: 503, title: 'IoT Hub could not be reached or failed' },
  hub_access_denied: { status: 503, title: 'IoT Hub refused the credentials of this app' },
  hub_timeout: { status: 504, title: 'IoT Hub did not answer in time' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** An error that a client may see: `message` becomes the `detail` of the problem details. */
export class Problem extends Error {
  override readonly name = 'Problem';

  /**
   * @param code stable code from the catalogue
   * @param detail what is wrong in this very case, in words a client may read: no key, token or connection string
   * @param retryAfterSeconds when trying again may help, in whole seconds (`Retry-After`)
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

  /** Whether trying again later may help. */
  get isRetryable(): boolean {
    return this.retryAfterSeconds !== undefined;
  }

  get title(): string {
    return PROBLEMS[this.code].title;
  }
}
