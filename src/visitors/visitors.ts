import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** Settings from which the identities of visitors and gateways are derived. */
export interface VisitorSettings {
  /** number of gateway devices that visitors send through */
  gateways: number;
  /** prefix of the ids of visitors and gateways */
  idPrefix: string;
  /** secrets, the current one first; keys derived from the others are still accepted */
  secrets: readonly string[];
  /** blocked visitors: ids or prefixes of ids */
  blocklist: readonly string[];
}

/** Identities that this app derives from a secret. They are not in the hub's registry. */
export interface Visitors {
  /**
   * The id of the visitor that proposes this key. Only a client that knows the proposed key can obtain the derived key
   * of this id.
   */
  idOf: (proposedKey: Buffer) => string;
  /** The visitor's own key, base64. */
  keyOf: (visitorId: string) => string;
  isVisitor: (deviceId: string) => boolean;
  isBlocked: (visitorId: string) => boolean;
  /** Compares in constant time, with the keys derived from all secrets. */
  isKeyOf: (visitorId: string, key: string) => boolean;
  /** The gateway of a visitor. It is always the same one, so that the visitor's messages stay in order. */
  gatewayOf: (visitorId: string) => string;
  /** The keys of a gateway, base64: derived from the current secret and the previous one. */
  gatewayKeys: (gatewayId: string) => { primary: string; secondary: string };
}

/** Version of the key derivation. A new version would invalidate keys of this one. */
const KEY_VERSION = 1;
/** Length of the base32 hash in an id: 26 characters of 5 bits. */
const ID_CHARACTERS = 26;
/** RFC 4648, section 6, in lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** The property that names the visitor on a gateway's message. */
export const VISITOR_PROPERTY = 'hubfront-visitor';

/** Number of visitors whose keys or gateways are cached: about 4 MB. */
const MAX_CACHED = 10_000;

/** @param hubHostName part of the derivation, so that keys are not valid at another hub */
export function createVisitors(
  { gateways, idPrefix, secrets, blocklist }: VisitorSettings,
  hubHostName: string,
): Visitors {
  const [current = '', before = current] = secrets;
  const gatewayIds = Array.from({ length: gateways }, (_, n) => gatewayId(idPrefix, n));
  const derive = (secret: string, use: string, id: string): Buffer =>
    createHmac('sha256', secret).update(`${use}\n${hubHostName}\n${id}`).digest();
  const visitorKey = (secret: string, id: string): Buffer =>
    Buffer.concat([Buffer.from([KEY_VERSION]), derive(secret, 'visitor', id)]);

  /**
   * Cache of derived keys, one per secret, by visitor. Only visitors that sent a correct key are added, so wrong keys
   * evict no entry.
   */
  const provedKeys = new LRUCache<string, readonly Buffer[]>({ max: MAX_CACHED });
  const gatewaysOf = new LRUCache<string, string>({ max: MAX_CACHED });

  return {
    idOf: (proposedKey) => idPrefix + base32(createHash('sha256').update(proposedKey).digest()),
    keyOf: (id) => visitorKey(current, id).toString('base64'),
    isVisitor: (id) => id.startsWith(idPrefix) && VISITOR_SUFFIX.test(id.slice(idPrefix.length)),
    isBlocked: (id) => blocklist.some((start) => id.startsWith(start)),
    isKeyOf: (id, key) => {
      const given = Buffer.from(key, 'base64');
      const keys = provedKeys.get(id) ?? secrets.map((secret) => visitorKey(secret, id));
      // Always compares with all secrets, so that the duration does not depend on which one matches.
      const matches = keys.map(
        (expected) => given.length === expected.length && timingSafeEqual(given, expected),
      );
      const isKey = matches.includes(true);
      if (isKey) provedKeys.set(id, keys);
      return isKey;
    },
    gatewayOf: (id) => {
      const cached = gatewaysOf.get(id);
      if (cached !== undefined) return cached;
      const place = createHash('sha256').update(id).digest().readUInt32BE() % gatewayIds.length;
      const gateway = gatewayIds[place] ?? gatewayId(idPrefix, 0);
      gatewaysOf.set(id, gateway);
      return gateway;
    },
    gatewayKeys: (id) => ({
      primary: derive(current, 'gateway', id).toString('base64'),
      secondary: derive(before, 'gateway', id).toString('base64'),
    }),
  };
}

const VISITOR_SUFFIX = new RegExp(`^[${BASE32}]{${ID_CHARACTERS}}$`);
const VISITOR_SUFFIX_START = new RegExp(`^[${BASE32}]{0,${ID_CHARACTERS}}$`);
const GATEWAY_SUFFIX = /^gateway-\d{2,3}$/;

/**
 * Whether this is the id of a gateway, even if visitors are off. The owner of such a device could name any visitor as
 * the sender of its messages.
 */
export const isGatewayId = (idPrefix: string, id: string): boolean =>
  id.startsWith(idPrefix) && GATEWAY_SUFFIX.test(id.slice(idPrefix.length));

/**
 * Whether no device may register with this id. Queries may compare ids without regard to case, so these ids are
 * reserved in any case.
 */
export const isReservedId = (idPrefix: string, id: string): boolean =>
  isGatewayId(idPrefix.toLowerCase(), id.toLowerCase());

/** Whether an entry of the blocklist is the id of a visitor, or a prefix of such ids. */
export function isVisitorIdOrPrefix(idPrefix: string, entry: string): boolean {
  const suffix = entry.slice(idPrefix.length);
  return idPrefix.startsWith(entry) || (entry.startsWith(idPrefix) && VISITOR_SUFFIX_START.test(suffix));
}

const gatewayId = (prefix: string, n: number): string => `${prefix}gateway-${String(n).padStart(2, '0')}`;

function base32(bytes: Buffer): string {
  const bits = BigInt(`0x${bytes.toString('hex')}`);
  const length = BigInt(bytes.length * 8);
  return Array.from({ length: ID_CHARACTERS }, (_, i) => {
    const shift = length - 5n * BigInt(i + 1);
    return BASE32.charAt(Number((bits >> shift) & 31n));
  }).join('');
}
