import { HttpResponse, type HttpResponseInit } from '@azure/functions';
import { Problem, type ProblemCode } from '../errorCodes';

/** Responses must not be cached: they describe one moment, and registrations contain keys. */
const NO_STORE = { 'Cache-Control': 'no-store' } as const;

/** A JSON response. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpResponseInit {
  return bodyResponse(status, JSON.stringify(value), 'application/json', headers);
}

/** A response with a serialized body. */
export function bodyResponse(
  status: number,
  body: string | Buffer,
  contentType: string,
  headers: Record<string, string> = {},
): HttpResponseInit {
  return {
    status,
    body,
    headers: { 'Content-Type': contentType, 'X-Content-Type-Options': 'nosniff', ...NO_STORE, ...headers },
  };
}

/** Converts a response to the form that the Functions worker reads with the fewest copies. */
export function forWorker(response: HttpResponseInit): HttpResponseInit | HttpResponse {
  const { body, ...head } = response;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return Buffer.isBuffer(bytes) ? new WholeBodyResponse(head, bytes) : response;
}

/**
 * A response that returns its body without copying. The worker calls `arrayBuffer()`, and the Fetch API's own method
 * streams the body and copies it four times. With 4 MB that took longer than serializing the body.
 */
class WholeBodyResponse extends HttpResponse {
  readonly #body: Buffer;

  constructor(head: HttpResponseInit, body: Buffer) {
    super(head);
    this.#body = body;
  }

  override readonly arrayBuffer = (): Promise<ArrayBuffer> => {
    const { buffer, byteOffset, byteLength } = this.#body;
    const isAll = byteLength === buffer.byteLength;
    return Promise.resolve(
      (isAll ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)) as ArrayBuffer,
    );
  };
}

export function noContent(headers: Record<string, string>): HttpResponseInit {
  return { status: 204, headers };
}

/** Problem details (RFC 9457). An error that is not a {@link Problem} becomes `internal_error` without details. */
export function problemDetails(
  error: unknown,
  headers: Record<string, string> = {},
  extension: object = {},
): HttpResponseInit {
  const problem = error instanceof Problem ? error : new Problem('internal_error', 'See the log of the app.');
  const { code, status, title, message: detail, retryAfterSeconds } = problem;
  return bodyResponse(
    status,
    JSON.stringify({ type: problemType(code), title, status, detail, code, ...extension }),
    'application/problem+json',
    retryAfterSeconds === undefined ? headers : { ...headers, 'Retry-After': String(retryAfterSeconds) },
  );
}

function problemType(code: ProblemCode): string {
  return `urn:problem-type:hubfront:${code}`;
}
