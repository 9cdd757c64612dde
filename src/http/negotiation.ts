import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import Negotiator from 'negotiator';
import { Problem } from '../problems';

const CODINGS = ['br', 'gzip', 'identity'] as const;

/** How a client wants an answer to be encoded. */
export interface ContentCoding {
  preferred: (typeof CODINGS)[number];
  /** whether an answer that is not worth compressing may come as it is */
  identityWillDo: boolean;
}

/** Below this, compressing saves no packet. */
const MIN_COMPRESSED_BYTES = 1_400;
/** Low levels: JSON of telemetry shrinks to a tenth as it is, and the time is the app's. */
const GZIP_LEVEL = 3;
const BROTLI_QUALITY = 3;

/**
 * The media type to answer with, by `Accept`.
 *
 * @param offered the default first
 * @throws {Problem} `not_acceptable`
 */
export function acceptedMediaType(request: HttpRequest, offered: readonly string[]): string {
  const accept = withoutParameters(request.headers.get('accept') ?? '');
  const negotiator = new Negotiator({ headers: { accept: accept === '' ? '*/*' : accept } });
  const chosen = negotiator.mediaType([...offered]);
  if (chosen === undefined) {
    throw new Problem('not_acceptable', `This is to be had as ${offered.join(', ')}.`);
  }
  return chosen;
}

const RANGES = /(?:[^,"]|"(?:\\.|[^"\\])*")+/g;
const PARAMETERS = /(?:[^;"]|"(?:\\.|[^"\\])*")+/g;

/**
 * The media ranges of `Accept` with nothing but their weights. None of the types offered has a parameter that a client
 * could choose by; many HTTP libraries name a charset.
 */
function withoutParameters(accept: string): string {
  const ranges = accept.match(RANGES) ?? [];
  return ranges
    .map((range) => {
      const [type = '', ...parameters] = (range.match(PARAMETERS) ?? []).map((part) => part.trim());
      const weight = parameters.find((parameter) => /^q=/i.test(parameter));
      return weight === undefined ? type : `${type};${weight}`;
    })
    .join(',')
    .toLowerCase();
}

/**
 * The content coding to answer with, by `Accept-Encoding`: `identity` unless the client wants another.
 *
 * @throws {Problem} `not_acceptable` when it refuses all there are (RFC 9110, section 12.5.3)
 */
export function acceptedEncoding(request: HttpRequest): ContentCoding {
  const accepted = request.headers.get('accept-encoding');
  if (accepted === null || accepted === '') return { preferred: 'identity', identityWillDo: true };
  const codings = new Negotiator({ headers: { 'accept-encoding': accepted } }).encodings([...CODINGS]);
  const preferred = CODINGS.find((coding) => coding === codings[0]);
  if (preferred === undefined) {
    throw new Problem('not_acceptable', `This is to be had with the content codings ${CODINGS.join(', ')}.`);
  }
  return { preferred, identityWillDo: codings.includes('identity') };
}

/** Compresses a body where it is worth it, or asked for. @returns the body and the headers that go with it */
export async function encoded(
  body: Buffer,
  { preferred, identityWillDo }: ContentCoding,
): Promise<{ body: Buffer; headers: Record<string, string> }> {
  if (preferred === 'identity' || (body.length < MIN_COMPRESSED_BYTES && identityWillDo)) {
    return { body, headers: {} };
  }
  const smaller =
    preferred === 'br'
      ? await promisify(brotliCompress)(body, {
          params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
        })
      : await promisify(gzip)(body, { level: GZIP_LEVEL });
  return { body: smaller, headers: { 'Content-Encoding': preferred } };
}
