/** Which of the registry's devices nobody has seen for a while. */
import type { Registry } from 'azure-iothub';
import * as z from 'zod';
import { isGatewayId } from '../../src/visitors';

/** Devices per page of a query. IoT Hub may return fewer. */
const PAGE_SIZE = 1_000;
/** IoT Hub's value for a time that has not occurred. */
const NEVER = Date.parse('0001-01-01T00:00:00Z');

const time = z
  .string()
  .transform((text) => Date.parse(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`))
  .catch(NEVER);
const metadata = z.object({ $metadata: z.object({ $lastUpdated: time }).optional() }).optional();

/** A device twin, as queries return it (iot-hub-devguide-query-language). */
const twin = z.object({
  deviceId: z.string(),
  deviceEtag: z.string().optional(),
  connectionState: z.string().optional(),
  lastActivityTime: time.optional(),
  statusUpdateTime: time.optional(),
  capabilities: z.object({ iotEdge: z.boolean().optional() }).optional(),
  properties: z.object({ desired: metadata, reported: metadata }).optional(),
});

export interface UnseenDevice {
  deviceId: string;
  /** ETag of the identity. A device that has changed since the query is not deleted. */
  etag: string | undefined;
  /** Unix time, ms */
  seenAt: number;
}

/** The devices of one page, grouped: to be deleted, kept, of unknown age. */
export interface DevicePage {
  unseen: UnseenDevice[];
  /** ids of gateways of visitors, IoT Edge devices and connected devices */
  kept: string[];
  /** ids of devices that never sent a message, and whose age is not known */
  ageless: string[];
}

/**
 * Reads the devices that have neither connected nor sent or received a message since a time.
 *
 * IoT Hub updates `lastActivityTime` when a device connects, sends or receives (iot-hub-devguide-identity-registry). A
 * device that has never done so counts from its registration, which is the first update of its twin's properties.
 *
 * @param since Unix time, ms
 * @param idPrefix of the ids of visitors' gateways
 */
export async function* unseenDevices(
  registry: Pick<Registry, 'createQuery'>,
  since: number,
  idPrefix: string,
  attempt: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncGenerator<DevicePage> {
  const query = registry.createQuery(
    `SELECT * FROM devices WHERE lastActivityTime < '${new Date(since).toISOString()}'`,
    PAGE_SIZE,
  );
  do {
    const { result } = (await attempt(() => query.next(query.continuationToken))) as { result: unknown };
    yield sortPage(z.array(twin).parse(result), since, idPrefix);
  } while (query.hasMoreResults);
}

function sortPage(twins: readonly z.infer<typeof twin>[], since: number, idPrefix: string): DevicePage {
  const page: DevicePage = { unseen: [], kept: [], ageless: [] };
  for (const device of twins) {
    const { deviceId, deviceEtag: etag, connectionState, capabilities, properties } = device;
    const seenAt = Math.max(
      device.lastActivityTime ?? NEVER,
      device.statusUpdateTime ?? NEVER,
      properties?.desired?.$metadata?.$lastUpdated ?? NEVER,
      properties?.reported?.$metadata?.$lastUpdated ?? NEVER,
    );
    const isKept =
      isGatewayId(idPrefix, deviceId) || capabilities?.iotEdge === true || connectionState === 'Connected';
    if (isKept) page.kept.push(deviceId);
    else if (seenAt <= NEVER) page.ageless.push(deviceId);
    else if (seenAt < since) page.unseen.push({ deviceId, etag, seenAt });
  }
  return page;
}
