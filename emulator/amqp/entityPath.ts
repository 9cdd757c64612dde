/** Parses the entity paths that AMQP clients use as addresses and audiences. */

import type { Receiver, Sender } from 'rhea';

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

/** The path of the entity from which a client receives on a link. */
export const sourcePath = ({ source }: Sender): string =>
  entityPath((source as { address?: string } | undefined)?.address ?? '');

/** The path of the entity to which a client sends on a link. */
export const targetPath = ({ target }: Receiver): string =>
  entityPath((target as { address?: string } | undefined)?.address ?? '');
