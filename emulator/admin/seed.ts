/** Creates a backlog of messages. */

import type { z } from 'zod';
import type { Hub } from '../hub';
import type { PartitionLog, TelemetryMessage } from '../partitionLog';
import type { seedRequest } from './requests';

/** Messages that a partition stores with one write. */
const MESSAGES_PER_WRITE = 100;

/**
 * Appends messages directly to partitions, as if devices had sent them. This creates a large backlog within seconds.
 */
export function seed(
  hub: Hub,
  partitions: readonly PartitionLog[],
  { count, deviceId, sizeBytes, bodies, messageIds }: z.output<typeof seedRequest>,
): void {
  const origin = {
    deviceId,
    generationId: hub.registry.find(deviceId)?.generationId ?? '1',
    authScope: 'device' as const,
    authType: 'sas' as const,
  };
  const system = { contentType: 'application/json', contentEncoding: 'utf-8' };
  const properties = [['kind', 'seeded']] as const;
  const given = bodies?.map((body) => Buffer.from(JSON.stringify(body)));
  const now = Date.now();
  const waiting = new Map<PartitionLog, TelemetryMessage[]>();
  const append = (log: PartitionLog) => {
    log.append(waiting.get(log) ?? [], now);
    waiting.delete(log);
  };
  for (let index = 0; index < count; index++) {
    const log = partitions[index % partitions.length];
    if (!log) continue;
    const messages = waiting.get(log) ?? [];
    waiting.set(log, messages);
    const n = log.lastSequenceNumber + 1 + messages.length;
    const body = given?.[index % given.length] ?? seedBody(n, sizeBytes);
    const id = messageIds && { messageId: `${deviceId}-${log.id}-${n}` };
    messages.push({ body, system: { ...system, ...id }, properties, origin });
    if (messages.length === MESSAGES_PER_WRITE) append(log);
  }
  for (const log of [...waiting.keys()]) append(log);
  for (const log of partitions) for (const wake of hub.onAppended) wake(log.id);
}

function seedBody(n: number, sizeBytes: number): Buffer {
  const head = `{"n":${n},"pad":"`;
  return Buffer.from(`${head}${'x'.repeat(Math.max(0, sizeBytes - head.length - 2))}"}`);
}
