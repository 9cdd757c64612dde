import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { Problem } from '../problems';
import type { JsonText } from './jsonText';

/** `text/plain` is what `navigator.sendBeacon` sends without a preflight. */
const MEDIA_TYPES = /^(?:application\/(?:[\w.+-]+\+)?json|text\/plain)$/i;

const inflate = promisify(gunzip);

/**
 * Reads a body as JSON: `application/json` or `text/plain` in UTF-8, gzipped or not.
 *
 * @param maxBytes of the body as it came, and of what it inflates to
 * @throws {Problem} `length_required`, `body_too_large`, `unsupported_media_type`, `invalid_json`
 */
export async function readJson(request: HttpRequest, maxBytes: number): Promise<JsonText> {
  const { headers } = request;
  // Without HTTP streaming the host hands on a chunked body as an empty one: the reason is told, not "no body".
  if (headers.has('transfer-encoding') && !headers.has('content-length')) {
    throw new Problem('length_required', 'The body came chunked: send it whole, with a Content-Length.');
  }
  requireMediaType(headers.get('content-type'));
  const sent = Buffer.from(await request.arrayBuffer());
  if (sent.length > maxBytes) throw tooLarge(maxBytes);
  if (sent.length === 0) throw new Problem('invalid_json', 'The body is empty.');
  const bytes = await decode(sent, headers.get('content-encoding'), maxBytes);
  if (!isUtf8(bytes)) throw new Problem('invalid_json', 'The body is not UTF-8.');
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  return { text, value: parse(text) };
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
        return await inflate(sent, { maxOutputLength: maxBytes });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
        throw new Problem('invalid_json', 'The body is not valid gzip, as its Content-Encoding says.');
      }
    default:
      throw new Problem('unsupported_media_type', 'Send the body as it is or with Content-Encoding: gzip.');
  }
}

/** The parser's own words quote the body, which may hold a key: only the position is passed on. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const position = / at position (\d+)/.exec((error as Error).message)?.[1];
    throw new Problem(
      'invalid_json',
      position === undefined
        ? 'The body ends too early or is no JSON.'
        : `The body is no JSON from position ${position} on.`,
    );
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('body_too_large', `The body is larger than ${maxBytes} bytes.`);
}
