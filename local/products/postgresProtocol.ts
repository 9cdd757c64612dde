/**
 * The framing of PostgreSQL's protocol 3.0. Source: PostgreSQL's documentation, "Frontend/Backend Protocol", "Message
 * Formats".
 */

export const PROTOCOL_3_0 = 196_608;
export const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
/** PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
const MAX_STARTUP_BYTES = 10_000;
/**
 * Maximum message size. The server keeps several copies of a message, and a statement on the demo shop's products has
 * a few KB.
 */
const MAX_MESSAGE_BYTES = 16_000_000;
/** Query, Parse, Bind, Describe, Execute, Sync, Close, Flush, Terminate, and the messages of a copy. */
const CLIENT_MESSAGES = new Set(Buffer.from('QPBDESCHXdcf'));

export class ProtocolViolation extends Error {}

/**
 * The length in bytes of a connection's first message; undefined while its beginning is incomplete.
 *
 * @throws ProtocolViolation
 */
export function startupLength(bytes: Buffer): number | undefined {
  if (bytes.length < 8) return undefined;
  const [length, code] = [bytes.readInt32BE(0), bytes.readInt32BE(4)];
  const isFixed = code === SSL_REQUEST || code === GSSENC_REQUEST;
  const isStartup =
    code === PROTOCOL_3_0 || code === CANCEL_REQUEST
      ? length >= 9 && length <= MAX_STARTUP_BYTES
      : isFixed && length === 8;
  if (!isStartup)
    throw new ProtocolViolation("the first message does not belong to PostgreSQL's protocol 3.0");
  return length;
}

/** The length in bytes of any later message. @throws ProtocolViolation */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < 1) return undefined;
  if (!CLIENT_MESSAGES.has(bytes[0] ?? 0)) throw new ProtocolViolation('the message type is unknown');
  if (bytes.length < 5) return undefined;
  const length = bytes.readInt32BE(1);
  if (length < 4 || length > MAX_MESSAGE_BYTES) throw new ProtocolViolation('the message length is invalid');
  return length + 1;
}

export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.from(`${text.join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + head.length, 0);
  head.writeInt32BE(PROTOCOL_3_0, 4);
  return Buffer.concat([head, body]);
}

/** @param code SQLSTATE, of PostgreSQL's appendix A */
export function errorResponse(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
