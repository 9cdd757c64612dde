import { IotHubError } from './iotHubError';

/** Far deeper than any document of the hub. Writing a deeper one as JSON could exhaust the stack. */
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{`, `]` and `}`. */
const OPENING = [0x5b, 0x7b];
const CLOSING = [0x5d, 0x7d];

/** @throws IotHubError IotHubFormatError for what is not JSON, or deeper than 100 levels */
export function parseJson(bytes: Buffer, what: string): unknown {
  if (isTooDeep(bytes))
    throw new IotHubError('IotHubFormatError', `${what} is deeper than ${MAX_DEPTH} levels.`);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new IotHubError('IotHubFormatError', `${what} is not valid JSON.`);
  }
}

function isTooDeep(bytes: Buffer): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (isInString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (OPENING.includes(byte) && ++depth > MAX_DEPTH) return true;
    else if (CLOSING.includes(byte)) depth--;
  }
  return false;
}

/** A JSON document; undefined for an empty payload. @throws IotHubError IotHubFormatError */
export const readJsonPayload = (payload: Buffer): unknown =>
  payload.length === 0 ? undefined : parseJson(payload, 'The payload');
