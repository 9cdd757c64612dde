/** Parses the entity paths that AMQP clients use as addresses and audiences. */

/** A scheme and an authority, `amqps://host:5671/`. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/]*(?:\/|$)/i;
const SLASHES_AROUND = /^\/+|\/+$/g;

/**
 * The path of an entity in a link's address. Microsoft's clients write the same address in different ways: as a path
 * (JavaScript), with a slash in front (.NET) or as a URI (Python).
 */
export function entityPath(address: string): string {
  return address.replace(ORIGIN, '').replace(SLASHES_AROUND, '');
}
