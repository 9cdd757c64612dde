/** Content negotiation: media types, and compression of responses. */

import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import Negotiator from 'negotiator';
import { Problem } from '../errorCodes';

const CODINGS = ['br', 'gzip', 'identity'] as const;

/** The content coding that a client accepts. */
export interface ContentCoding {
  preferred: (typeof CODINGS)[number];
  /** whether a small response may stay uncompressed */
  identityWillDo: boolean;
}

/** Compressing a smaller response saves no packet. */
const MIN_COMPRESSED_BYTES = 1_400;
/** Low levels already shrink telemetry JSON to a tenth; higher ones cost much more CPU time. */
const GZIP_LEVEL = 3;
const BROTLI_QUALITY = 3;

/**
 * Selects the media type of the response by `Accept`.
 *
 * @param offered the default first
 * @throws {Problem} `not_acceptable`
 */
export function acceptedMediaType(request: HttpRequest, offered: readonly string[]): string {
  const accept = withoutParameters(request.headers.get('accept') ?? '');
  const negotiator = new Negotiator({ headers: { accept: accept === '' ? '*/*' : accept } });
  const chosen = negotiator.mediaType([...offered]);
  if (chosen === undefined) {
    throw new Problem('not_acceptable', `Available media types: ${offered.join(', ')}.`);
  }
  return chosen;
}

const RANGES = /(?:[^,"]|"(?:\\.|[^"\\])*")+/g;
const PARAMETERS = /(?:[^;"]|"(?:\\.|[^"\\])*")+/g;

/**
 * The media ranges of `Accept` without parameters other than weights. No offered type has parameters, but many HTTP
 * libraries send a charset.
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
 * Selects the content coding of the response by `Accept-Encoding`; `identity` by default.
 *
 * @throws {Problem} `not_acceptable` if the client rejects all codings (RFC 9110, section 12.5.3)
 */
export function acceptedEncoding(request: HttpRequest): ContentCoding {
  const accepted = request.headers.get('accept-encoding');
  if (accepted === null || accepted === '') return { preferred: 'identity', identityWillDo: true };
  const codings = new Negotiator({ headers: { 'accept-encoding': accepted } }).encodings([...CODINGS]);
  const preferred = CODINGS.find((coding) => coding === codings[0]);
  if (preferred === undefined) {
    throw new Problem('not_acceptable', `Available content codings: ${CODINGS.join(', ')}.`);
  }
  return { preferred, identityWillDo: codings.includes('identity') };
}

/** Compresses a body if that saves bytes or the client requires it. @returns the body and its headers */
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
