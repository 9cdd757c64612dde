import type { Journal } from '../dataFolder';
import { IotHubError } from '../iotHubError';
import { isMatch, type ClientRegistry } from '../registry';
import { objectOf, type JsonObject } from './json';
import { MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES } from './limits';
import {
  emptySection,
  patchDocument,
  patchSection,
  replaceDocument,
  replaceSection,
  sectionJson,
  type Section,
} from './section';

/** The twin of a device or a module, without the properties of its identity. */
export interface Twin {
  readonly tags: JsonObject;
  readonly desired: Section;
  readonly reported: Section;
  /** Version of the whole twin. */
  readonly version: number;
  /** Number of changes by services, from which the ETag is made. */
  readonly revision: number;
}

/** A change by a service. Absent sections are not changed, null empties them. Sections have been validated. */
export interface TwinChange {
  readonly tags?: JsonObject | null | undefined;
  readonly desired?: JsonObject | null | undefined;
}

/** Called with each change of desired properties, in the form that the client receives. */
export type DesiredListener = (clientId: string, change: JsonObject) => void;

/** The twins of a hub's devices and modules, by client id. Every method throws IotHubError when the hub rejects the request. */
export interface TwinStore {
  get(clientId: string): Twin;
  /** Merges a change of a service. `ifMatch`: an ETag, with or without quotes, or `*`. */
  patch(clientId: string, change: TwinChange, ifMatch: string): Twin;
  /** Replaces the tags and desired properties that are given. */
  replace(clientId: string, change: TwinChange, ifMatch: string): Twin;
  /**
   * Merges a change of the device. `ifVersion`: required version of the reported properties; undefined: any version.
   */
  report(clientId: string, change: JsonObject, ifVersion: number | undefined): Twin;
  onDesired(listener: DesiredListener): void;
}

/** The sections that a change by a service leaves. Absent sections are not changed. */
interface SectionChange {
  readonly tags: JsonObject | undefined;
  readonly desired: Section | undefined;
  /** Sent to the device. */
  readonly notification: JsonObject | undefined;
}

/** The kind of the twins in the journal. */
const KIND = 'twin';
const keyOf = (clientId: string) => `${KIND}/${clientId}`;

/** A twin in the journal. It belongs to one generation of the client. */
interface KeptTwin {
  readonly generationId: string;
  readonly twin: Twin;
}

export function createTwinStore(clients: ClientRegistry, journal: Journal): TwinStore {
  const twins = new Map<string, Twin>();
  const listeners: DesiredListener[] = [];
  for (const [clientId, kept] of journal.read(KIND) as ReadonlyMap<string, KeptTwin>) {
    if (clients.find(clientId)?.identity.generationId === kept.generationId) twins.set(clientId, kept.twin);
  }
  clients.onChange((clientId) => {
    if (!clients.find(clientId) && twins.delete(clientId)) journal.forget(keyOf(clientId));
  });

  /** A twin is created on its first use, and deleted with its client. */
  const get = (clientId: string): Twin => {
    clients.get(clientId);
    const twin = twins.get(clientId) ?? emptyTwin(clients.registeredAt(clientId));
    twins.set(clientId, twin);
    return twin;
  };

  const store = (clientId: string, twin: Twin): Twin => {
    const { generationId } = clients.get(clientId).identity;
    journal.write([keyOf(clientId), { generationId, twin } satisfies KeptTwin]);
    twins.set(clientId, twin);
    return twin;
  };

  const matching = (clientId: string, ifMatch: string): Twin => {
    const twin = get(clientId);
    if (!isMatch(twinEtag(twin), ifMatch)) throw preconditionFailed();
    return twin;
  };

  /** Stores a change by a service, and notifies the device if its desired properties changed. */
  const storeChange = (
    clientId: string,
    twin: Twin,
    { tags, desired, notification }: SectionChange,
  ): Twin => {
    const changed = store(clientId, {
      ...twin,
      tags: tags ?? twin.tags,
      desired: desired ?? twin.desired,
      version: twin.version + 1,
      revision: twin.revision + 1,
    });
    if (notification) {
      for (const listener of listeners) {
        listener(clientId, { ...notification, $version: changed.desired.version });
      }
    }
    return changed;
  };

  return {
    get,
    patch(clientId, change, ifMatch) {
      const twin = matching(clientId, ifMatch);
      const tags = change.tags === null ? removalOf(twin.tags) : change.tags;
      const desired = change.desired === null ? removalOf(twin.desired.values) : change.desired;
      return storeChange(clientId, twin, {
        tags: tags && patchDocument(twin.tags, tags, MAX_TAGS_BYTES),
        desired: desired && patchSection(twin.desired, desired, now(), MAX_PROPERTIES_BYTES),
        notification: desired,
      });
    },
    replace(clientId, change, ifMatch) {
      const twin = matching(clientId, ifMatch);
      const tags = change.tags === null ? {} : change.tags;
      const desired = change.desired === null ? {} : change.desired;
      const section = desired && replaceSection(twin.desired, desired, now(), MAX_PROPERTIES_BYTES);
      return storeChange(clientId, twin, {
        tags: tags && replaceDocument(twin.tags, tags, MAX_TAGS_BYTES),
        desired: section,
        notification: section?.values,
      });
    },
    report(clientId, change, ifVersion) {
      const twin = get(clientId);
      if (ifVersion !== undefined && ifVersion !== twin.reported.version) throw preconditionFailed();
      return store(clientId, {
        ...twin,
        reported: patchSection(twin.reported, change, now(), MAX_PROPERTIES_BYTES),
        version: twin.version + 1,
      });
    },
    onDesired: (listener) => void listeners.push(listener),
  };
}

/**
 * A new twin's version is 2, and each section's 1, as on the service. Its sections have the registration time of the
 * device.
 */
const emptyTwin = (registeredAt: string): Twin => ({
  tags: {},
  desired: emptySection(registeredAt),
  reported: emptySection(registeredAt),
  version: 2,
  revision: 1,
});

/** The change that removes every member. */
const removalOf = (document: JsonObject): JsonObject =>
  objectOf(Object.keys(document).map((name) => [name, null] as const));

const now = () => new Date().toISOString();
const preconditionFailed = () =>
  new IotHubError('PreconditionFailed', 'PreconditionFailed, ETag or version may be invalid.');

/** Like the hub's: base64 of a number of eight bytes, such as `AAAAAAAAAAE=`. */
export function twinEtag({ revision }: Twin): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(revision));
  return bytes.toString('base64');
}

/** The twin as a device receives it: no tags, no metadata. */
export const deviceTwinJson = ({ desired, reported }: Twin): JsonObject => ({
  desired: sectionJson(desired, false),
  reported: sectionJson(reported, false),
});
