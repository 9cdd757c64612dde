import { Problem, type ProblemCode } from '../problems';
import { toAmqpError } from './eventHub/amqpError';

/** IoT Hub's own advice when it throttles ("Wait 10 seconds and try again"), for when it gives none. */
const THROTTLED_RETRY_SECONDS = 10;
const UNAVAILABLE_RETRY_SECONDS = 5;
/** The daily quota starts anew at midnight UTC; asking again each hour is often enough. */
const QUOTA_RETRY_SECONDS = 3_600;

/** What the SDKs for IoT Hub put on an error that comes from an answer of the hub. */
interface HubHttpError {
  name?: string;
  /** a text, but for a DOMException's number */
  code?: unknown;
  response?: { statusCode?: number; headers?: Record<string, string | string[] | undefined> };
  responseBody?: unknown;
}

/** What the hub's answer to a device's own request means to the device. */
export function deviceProblem(error: unknown): Problem {
  const { status, retryAfter } = readHubError(error);
  switch (status) {
    case 401:
    case 404: // what IoT Hub answers a disabled device over HTTPS; not told apart from a wrong key
      return new Problem(
        'device_unauthorized',
        'The device is unknown or disabled, or the device key is wrong.',
      );
    case 413:
    case 431:
      return new Problem('message_too_large', 'IoT Hub refused the message as too large.');
    case 400:
      return new Problem('invalid_request', 'IoT Hub refused the message as malformed.');
    default:
      return commonProblem(error, status, retryAfter);
  }
}

/** What the identity registry's answer to this app means to a client. */
export function registryProblem(error: unknown): Problem {
  const { status, retryAfter } = readHubError(error);
  switch (status) {
    case 400:
      return new Problem('invalid_request', 'IoT Hub refused the device identity as malformed.');
    case 401:
      return new Problem('hub_access_denied', 'The identity registry refused the credentials of this app.');
    default:
      return commonProblem(error, status, retryAfter);
  }
}

/** What a failure of the Event Hub-compatible endpoint means to a reader of the feed. */
export function feedProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { condition } = toAmqpError(error);
  switch (condition) {
    case 'amqp:unauthorized-access':
    case 'com.microsoft:auth-failed':
      return new Problem(
        'hub_access_denied',
        'The Event Hub-compatible endpoint refused the credentials of this app.',
      );
    case 'amqp:not-found':
    case 'com.microsoft:entity-disabled':
      return new Problem(
        'settings_invalid',
        'The hub has no such Event Hub or consumer group: check the settings.',
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
        'The Event Hub-compatible endpoint did not answer in time.',
        UNAVAILABLE_RETRY_SECONDS,
      );
    default:
      return unavailable('The Event Hub-compatible endpoint could not be reached or failed', condition);
  }
}

/** Failures to reach a hub at all. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Whether the hub surely has not got the request. */
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
    'IoT Hub did not answer in the time that one request has.',
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

function readHubError(error: unknown): { status: number | undefined; retryAfter: number | undefined } {
  const { response, responseBody } = error as HubHttpError;
  const status = response?.statusCode;
  const header = Number(response?.headers?.['retry-after']);
  const sentence = /Wait (\d+) seconds/i.exec(typeof responseBody === 'string' ? responseBody : '')?.[1];
  const retryAfter = header > 0 ? Math.ceil(header) : sentence === undefined ? undefined : Number(sentence);
  return { status, retryAfter };
}
