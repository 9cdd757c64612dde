import { isUtf8 } from 'node:buffer';
import type { HttpRequest } from '@azure/functions';
import { type JsonNode, type JsonShape, JsonDepthError, JsonSyntaxError, scanJson } from '../json';
import { Problem } from '../errorCodes';
import { InvalidGzipError, TooLargeError, inflate } from './inflate';

/** `text/plain` is what `navigator.sendBeacon` sends without a preflight. */
const MEDIA_TYPES = /^(?:application\/(?:[\w.+-]+\+)?json|text\/plain)$/i;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/** A valid JSON body: its inflated bytes, and the positions of its parts in them. */
export interface JsonBody {
  bytes: Buffer;
  root: JsonNode;
}

/**
 * Reads a body as JSON: `application/json` or `text/plain` in UTF-8, gzipped or not. The size is checked before and
 * during inflation. Only the parts that the shape names are parsed, so a body with a million members or levels costs
 * no more than any other body of its size.
 *
 * @param maxBytes maximum size of the body, both as it was sent and inflated
 * @throws {Problem} `length_required`, `body_too_large`, `unsupported_media_type`, `invalid_json`
 */
export async function readJson(request: HttpRequest, maxBytes: number, shape: JsonShape): Promise<JsonBody> {
  const { headers } = request;
  // Without HTTP streaming, the host delivers a chunked body as an empty one. The error names this reason.
  if (headers.has('transfer-encoding') && !headers.has('content-length')) {
    throw new Problem('length_required', 'The body is chunked: send it with a Content-Length.');
  }
  requireMediaType(headers.get('content-type'));
  const sent = Buffer.from(await request.arrayBuffer());
  if (sent.length > maxBytes) throw tooLarge(maxBytes);
  if (sent.length === 0) throw new Problem('invalid_json', 'The body is empty.');
  const decoded = await decode(sent, headers.get('content-encoding'), maxBytes);
  if (!isUtf8(decoded)) throw new Problem('invalid_json', 'The body is not UTF-8.');
  const hasMark = decoded.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const bytes = hasMark ? decoded.subarray(BYTE_ORDER_MARK.length) : decoded;
  return { bytes, root: scan(bytes, shape) };
}

function requireMediaType(contentType: string | null): void {
  const [mediaType = '', ...parameters] = (contentType ?? 'application/json')
    .split(';')
    .map((part) => part.trim());
  if (!MEDIA_TYPES.test(mediaType)) {
    throw new Problem('unsupported_media_type', 'Send the body as application/json or text/plain.');
  }
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter));
  if (charset !== undefined && !/^charset="?utf-?8"?$/i.test(charset)) {
    throw new Problem('unsupported_media_type', 'Send the body in UTF-8.');
  }
}

async function decode(sent: Buffer, contentEncoding: string | null, maxBytes: number): Promise<Buffer> {
  switch ((contentEncoding ?? 'identity').trim().toLowerCase()) {
    case 'identity':
      return sent;
    case 'gzip':
    case 'x-gzip':
      try {
        return await inflate(sent, maxBytes);
      } catch (error) {
        if (error instanceof TooLargeError) throw tooLarge(maxBytes);
        if (!(error instanceof InvalidGzipError)) throw error;
        throw new Problem('invalid_json', error.message);
      }
    default:
      throw new Problem(
        'unsupported_media_type',
        'Send the body uncompressed or with Content-Encoding: gzip.',
      );
  }
}

function scan(bytes: Buffer, shape: JsonShape): JsonNode {
  try {
    return scanJson(bytes, shape);
  } catch (error) {
    if (error instanceof JsonDepthError)
      throw new Problem('invalid_request', 'The body is nested too deeply.');
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new Problem(
      'invalid_json',
      error.position >= bytes.length
        ? 'The body ends too early.'
        : `The body is not valid JSON at byte ${error.position}.`,
    );
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('body_too_large', `The body is larger than ${maxBytes} bytes.`);
}
