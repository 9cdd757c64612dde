import { createHmac, timingSafeEqual } from 'node:crypto';

/** A shared access signature as it was sent. `sr` is still encoded, because the signature covers the encoded text. */
export interface SasToken {
  readonly resource: string;
  readonly encodedResource: string;
  readonly signature: Buffer;
  /** Unix time in seconds. */
  readonly expiry: number;
  /** The policy that signed the token; undefined if a device's own key signed it. */
  readonly keyName: string | undefined;
}

const PREFIX = 'SharedAccessSignature ';

/** The service accepts a token until five minutes after its expiry, because clients' clocks may be slow. */
export const SAS_GRACE_S = 5 * 60;

export const isSasToken = (text: unknown): text is string =>
  typeof text === 'string' && text.startsWith(PREFIX);

/**
 * Reads `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, its fields in any order (iot-hub-dev-guide-sas, "SAS token
 * structure"). Returns undefined if it is malformed.
 */
export function parseSasToken(text: string): SasToken | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const fields = new Map<string, string>();
  for (const part of text.slice(PREFIX.length).trim().split('&')) {
    const at = part.indexOf('=');
    if (at <= 0) return undefined;
    fields.set(part.slice(0, at), part.slice(at + 1));
  }
  const encodedResource = fields.get('sr');
  const signature = fields.get('sig');
  const expiry = fields.get('se') ?? '';
  if (!encodedResource || !signature || !/^\d{1,15}$/.test(expiry)) return undefined;
  try {
    return {
      encodedResource,
      resource: decodeURIComponent(encodedResource),
      signature: Buffer.from(decodeURIComponent(signature), 'base64'),
      expiry: Number(expiry),
      keyName: decodeURIComponent(fields.get('skn') ?? '') || undefined,
    };
  } catch {
    return undefined; // malformed percent-encoding
  }
}

/**
 * Whether `key` signed the token, compared in constant time. IoT Hub signs with the bytes that the base64 key encodes.
 * Event Hubs signs with the text of the key, so its caller passes the text.
 */
export function isSignedBy(token: SasToken, key: Buffer | string): boolean {
  const expected = createHmac('sha256', key).update(`${token.encodedResource}\n${token.expiry}`).digest();
  return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
}

/**
 * Whether a token for `scope` covers `resource`: the scope is the resource itself, or a prefix of whole path segments.
 * Case is ignored, as in IoT Hub ("The URI prefix … is scoped by segment", iot-hub-dev-guide-sas).
 */
export function scopeCovers(scope: string, resource: string): boolean {
  const outer = scope.toLowerCase().replace(/\/+$/, '');
  const inner = resource.toLowerCase();
  return outer !== '' && (inner === outer || inner.startsWith(`${outer}/`));
}

/**
 * Whether the scope of a token covers `resource`. Microsoft's device SDK for .NET encodes the device id in the
 * audience twice, so the scope may be decoded once more.
 */
export function tokenCovers(token: SasToken, resource: string): boolean {
  if (scopeCovers(token.resource, resource)) return true;
  try {
    return scopeCovers(decodeURIComponent(token.resource), resource);
  } catch {
    return false; // the resource itself contains a percent sign
  }
}
