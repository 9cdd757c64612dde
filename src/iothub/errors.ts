import { Problem, type ProblemCode } from '../errorCodes';
import { toAmqpError } from './eventHub/amqpError';

/** Default `Retry-After` when throttled; IoT Hub's own message says "Wait 10 seconds and try again". */
const THROTTLED_RETRY_SECONDS = 10;
const UNAVAILABLE_RETRY_SECONDS = 5;
/** The daily quota resets at midnight UTC, so one retry per hour is enough. */
const QUOTA_RETRY_SECONDS = 3_600;

/** What IoT Hub's SDKs attach to an error that comes from a response of the hub. */
interface HubHttpError {
  name?: string;
  /** a string, except for a DOMException's number */
  code?: unknown;
  response?: { statusCode?: number; headers?: Record<string, string | string[] | undefined> };
  responseBody?: unknown;
}

/** Translates an error of a device's request to the hub into a problem for the sender. */
export function deviceProblem(error: unknown): Problem {
  const { status, retryAfter } = readHubError(error);
  switch (status) {
    case 401:
    case 404: // a disabled device over HTTPS; clients get the same problem as for a wrong key
      return new Problem(
        'device_unauthorized',
        'The device is unknown or disabled, or the device key is wrong.',
      );
    case 413:
    case 431:
      return new Problem('message_too_large', 'IoT Hub rejected the message as too large.');
    case 400:
      return new Problem('invalid_request', 'IoT Hub rejected the message as malformed.');
    default:
      return commonProblem(error, status, retryAfter);
  }
}

/** Translates an error of the identity registry into a problem for the client. */
export function registryProblem(error: unknown): Problem {
  const { status, retryAfter, isQuota } = readHubError(error);
  if (
    status === undefined &&
    /^(?:Aggregate)?Authentication|^CredentialUnavailable/.test((error as Error).name)
  ) {
    return new Problem(
      'hub_access_denied',
      'This app got no token from Microsoft Entra ID for the identity registry.',
      UNAVAILABLE_RETRY_SECONDS,
    );
  }
  switch (status) {
    case 400:
      return new Problem('invalid_request', 'IoT Hub rejected the device identity as malformed.');
    case 401:
      return new Problem('hub_access_denied', 'The identity registry rejected the credentials of this app.');
    case 403:
      if (isQuota) return commonProblem(error, status, retryAfter);
      return new Problem('hub_access_denied', 'This app has no permission for the identity registry.');
    default:
      return commonProblem(error, status, retryAfter);
  }
}

/** Translates an error of the Event Hub-compatible endpoint into a problem for the worker. */
export function feedProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { condition } = toAmqpError(error);
  switch (condition) {
    case 'amqp:unauthorized-access':
    case 'com.microsoft:auth-failed':
      return new Problem(
        'hub_access_denied',
        'The Event Hub-compatible endpoint rejected the credentials of this app.',
      );
    case 'amqp:not-found':
    case 'com.microsoft:entity-disabled':
      return new Problem(
        'settings_invalid',
        'The hub has no such Event Hub or consumer group. Check the settings.',
      );
    case 'amqp:resource-limit-exceeded':
      return new Problem(
        'hub_throttled',
        'All readers that the hub allows for the consumer group are taken.',
        1,
      );
    case 'com.microsoft:server-busy':
      return new Problem(
        'hub_throttled',
        'The Event Hub-compatible endpoint is busy.',
        THROTTLED_RETRY_SECONDS,
      );
    case 'com.microsoft:timeout':
      return new Problem(
        'hub_timeout',
        'The Event Hub-compatible endpoint did not respond in time.',
        UNAVAILABLE_RETRY_SECONDS,
      );
    default:
      return unavailable('The Event Hub-compatible endpoint could not be reached or failed', condition);
  }
}

/** Error codes of requests that never reached the hub. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Whether the request certainly did not reach the hub. */
export function wasNeverSent(error: unknown): boolean {
  const { code } = error as HubHttpError;
  return typeof code === 'string' && NEVER_SENT.has(code);
}

function commonProblem(error: unknown, status: number | undefined, retryAfter: number | undefined): Problem {
  if (error instanceof Problem) return error;
  if (status === 403) {
    return new Problem(
      'hub_quota_exceeded',
      'The quota of the IoT hub is used up.',
      retryAfter ?? QUOTA_RETRY_SECONDS,
    );
  }
  if (status === 429) {
    return new Problem(
      'hub_throttled',
      'IoT Hub is throttling this kind of request.',
      retryAfter ?? THROTTLED_RETRY_SECONDS,
    );
  }
  if (status !== undefined) return unavailable('IoT Hub failed', `status ${status}`, retryAfter);
  const { code, name } = error as HubHttpError;
  if (name === 'TimeoutError') return timedOut();
  return unavailable('IoT Hub could not be reached', kindOf(code, name));
}

function timedOut(): Problem {
  return new Problem(
    'hub_timeout',
    'IoT Hub did not respond before the deadline of the request.',
    UNAVAILABLE_RETRY_SECONDS,
  );
}

function kindOf(code: unknown, name: string | undefined): string {
  return typeof code === 'string' ? code : (name ?? '');
}

function unavailable(what: string, kind: string, retryAfter = UNAVAILABLE_RETRY_SECONDS): Problem {
  const code: ProblemCode = 'hub_unavailable';
  return new Problem(code, /^[\w :-]{1,60}$/.test(kind) ? `${what} (${kind}).` : `${what}.`, retryAfter);
}

interface HubAnswer {
  status: number | undefined;
  /** seconds */
  retryAfter: number | undefined;
  /** whether a 403 means a quota and not missing permissions */
  isQuota: boolean;
}

function readHubError(error: unknown): HubAnswer {
  const { response, responseBody } = error as HubHttpError;
  const status = response?.statusCode;
  const header = Number(response?.headers?.['retry-after']);
  const text = typeof responseBody === 'string' ? responseBody : '';
  const sentence = /Wait (\d+) seconds/i.exec(text)?.[1];
  const retryAfter = header > 0 ? Math.ceil(header) : sentence === undefined ? undefined : Number(sentence);
  return { status, retryAfter, isQuota: /Quota|TooManyDevices/.test(text) };
}
