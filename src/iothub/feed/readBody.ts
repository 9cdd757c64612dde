import { isUtf8 } from 'node:buffer';
import { JsonDepthError, JsonSyntaxError, scanJson } from '../../json';
import { MAX_DEPTH, valueJson } from './amqpJson';

/** The body as JSON text. JSON from a device is kept unchanged, so that no number is rounded. */
export interface FeedBody {
  json: string;
  /** `binary`: the JSON is `{"base64": …}` */
  kind: 'json' | 'text' | 'binary';
}

/** JSON types are `application/json`, `text/json` and those with the suffix `+json` (RFC 6839). */
const JSON_TYPE = /^(?:(?:application|text)\/json|[^/;\s]+\/[^/;\s]+\+json)$/i;
const CHARSET = /;\s*charset\s*=\s*"?\s*([\w-]+)/i;
/** IoT Hub routes bodies in UTF-8, UTF-16 and UTF-32 (iot-hub-devguide-messages-construct, `content-encoding`). */
const UTF_8 = new Set(['', 'utf-8', 'utf8', 'identity']);
/** Content encodings with which the charset of the content type is used. */
const SAYS_NOTHING = new Set(['', 'identity']);
const UTF_16 = /^utf-?16(?<order>le|be)?$/i;
const UTF_32 = /^utf-?32(?<order>le|be)?$/i;
const BYTE_ORDER_MARK = /^\uFEFF/;
/** The start of a JSON text. Its second character is ASCII too, unless a string begins (RFC 4627, section 3). */
const JSON_START = /^(?:"|[ \t\r\n{[\dtfn-](?:[ -~\t\r\n]|$))/;
/** More characters do not change which bytes vary less. */
const MAX_GUESSED_BYTES = 1_024;

/**
 * JSON stays JSON, other text becomes a string, and other bytes become base64. JSON that is nested too deeply becomes
 * a string, and a compressed body becomes base64. Without a content type, valid JSON counts as JSON, because most
 * devices set no content type. The encoding of text is given by the content encoding or, without one, by the `charset`
 * of the content type.
 *
 * @param content bytes, or the AMQP value of a body that a service sent
 */
export function readBody(content: unknown, contentType: string | null, contentEncoding: string): FeedBody {
  if (!Buffer.isBuffer(content)) return { kind: 'json', json: valueJson(content) };
  const declared = contentEncoding.trim().toLowerCase();
  const charset = CHARSET.exec(contentType ?? '')?.[1]?.toLowerCase() ?? '';
  const utf8 = toUtf8(content, SAYS_NOTHING.has(declared) && isUtf(charset) ? charset : declared);
  if (utf8 === undefined) {
    const encoding = UTF_8.has(declared) ? {} : { contentEncoding };
    return { kind: 'binary', json: JSON.stringify({ base64: content.toString('base64'), ...encoding }) };
  }
  const text = utf8.toString('utf8').replace(BYTE_ORDER_MARK, '');
  const [mediaType = ''] = (contentType ?? '').split(';', 1);
  const isOtherText = mediaType.trim() !== '' && !JSON_TYPE.test(mediaType.trim());
  if (isOtherText || !isReadableJson(utf8)) return { kind: 'text', json: JSON.stringify(text) };
  // Line ends in JSON are white space between tokens. Without them, a message fits on one line.
  return { kind: 'json', json: text.replace(/[\r\n]+/g, ' ') };
}

function toUtf8(content: Buffer, encoding: string): Buffer | undefined {
  if (UTF_8.has(encoding)) return isUtf8(content) ? content : undefined;
  const utf16 = UTF_16.exec(encoding);
  if (utf16)
    return decodeUtf16(content, markedOrder(content) ?? utf16.groups?.order ?? guessedOrder(content));
  const utf32 = UTF_32.exec(encoding);
  if (!utf32) return undefined;
  // In the wrong order, nearly every character is beyond the last code point.
  const { order = '' } = utf32.groups ?? {};
  return (
    (order === 'be' ? undefined : decodeUtf32(content, 'le')) ??
    (order === 'le' ? undefined : decodeUtf32(content, 'be'))
  );
}

const isUtf = (charset: string): boolean =>
  UTF_8.has(charset) || UTF_16.test(charset) || UTF_32.test(charset);

type ByteOrder = 'le' | 'be';

/** The order of a byte order mark. */
function markedOrder(content: Buffer): ByteOrder | undefined {
  const mark = content.length < 2 ? 0 : content.readUInt16BE();
  return mark === 0xfeff ? 'be' : mark === 0xfffe ? 'le' : undefined;
}

/**
 * The order of UTF-16 that does not tell it. JSON begins with an ASCII character (RFC 4627, section 3). In other text,
 * the upper bytes vary less than the lower ones, because most texts use few scripts.
 */
function guessedOrder(content: Buffer): ByteOrder {
  const start = content.subarray(0, 4);
  if (JSON_START.test(start.toString('utf16le'))) return 'le';
  if (start.length % 2 === 0 && JSON_START.test(Buffer.from(start).swap16().toString('utf16le'))) return 'be';
  const bytes = [new Set<number>(), new Set<number>()] as const;
  for (const [at, byte] of content.subarray(0, MAX_GUESSED_BYTES).entries())
    bytes[at % 2 === 0 ? 0 : 1].add(byte);
  return bytes[0].size < bytes[1].size ? 'be' : 'le';
}

/** @returns undefined if the bytes are not UTF-16 */
function decodeUtf16(content: Buffer, order: string): Buffer | undefined {
  if (content.length % 2 !== 0) return undefined;
  const littleEndian = order === 'be' ? Buffer.from(content).swap16() : content;
  const text = littleEndian.toString('utf16le');
  return isWellFormed(text) ? Buffer.from(text) : undefined;
}

/** @returns undefined if the bytes are not UTF-32 */
function decodeUtf32(content: Buffer, order: ByteOrder): Buffer | undefined {
  if (content.length % 4 !== 0) return undefined;
  const characters: string[] = [];
  for (let at = 0; at < content.length; at += 4) {
    const code = order === 'be' ? content.readUInt32BE(at) : content.readUInt32LE(at);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    characters.push(String.fromCodePoint(code));
  }
  return Buffer.from(characters.join(''));
}

/** Whether all surrogates are paired. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function isReadableJson(utf8: Buffer): boolean {
  const hasMark = utf8[0] === 0xef && utf8[1] === 0xbb && utf8[2] === 0xbf;
  try {
    return scanJson(hasMark ? utf8.subarray(3) : utf8).depth <= MAX_DEPTH;
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof JsonDepthError) return false;
    throw error;
  }
}
