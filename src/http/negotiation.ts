import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import Negotiator from 'negotiator';
import { Problem } from '../problems';

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
  const accept = request.headers.get('accept') ?? '*/*';
  const chosen = new Negotiator({ headers: { accept } }).mediaType([...offered]);
  if (chosen === undefined) {
    throw new Problem('not_acceptable', `This is to be had as ${offered.join(', ')}.`);
  }
  return chosen;
}

/** Compresses a body that is worth it, by `Accept-Encoding`. @returns the body and the headers that go with it */
export async function compressed(
  request: HttpRequest,
  body: Buffer,
): Promise<{ body: Buffer; headers: Record<string, string> }> {
  const headers = { Vary: 'Accept, Accept-Encoding' };
  const accepted = request.headers.get('accept-encoding');
  if (accepted === null || body.length < MIN_COMPRESSED_BYTES) return { body, headers };
  const encoding = new Negotiator({ headers: { 'accept-encoding': accepted } }).encoding([
    'br',
    'gzip',
    'identity',
  ]);
  if (encoding !== 'br' && encoding !== 'gzip') return { body, headers };
  const smaller =
    encoding === 'br'
      ? await promisify(brotliCompress)(body, {
          params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
        })
      : await promisify(gzip)(body, { level: GZIP_LEVEL });
  return { body: smaller, headers: { ...headers, 'Content-Encoding': encoding } };
}
