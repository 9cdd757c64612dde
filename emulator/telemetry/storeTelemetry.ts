import type { Hub } from '../hub';
import { IotHubError, throttled } from '../iotHubError';
import { partitionOf, type TelemetryMessage, type TelemetryOrigin } from '../partitionLog';
import { clientIdOf } from '../registry';
import { MAX_MESSAGE_BYTES, messageSize, quotaExceeded, tooLarge } from './limits';

/** A message as a device sends it, before the hub adds who sent it. */
export type NewMessage = Omit<TelemetryMessage, 'origin'>;

/**
 * Stores all messages of one send operation or none, then notifies the readers. Used by all protocols.
 *
 * @throws IotHubError for the throttle, the quota, a message or batch above the size limit, and a message that a fault refuses
 */
export function storeTelemetry(hub: Hub, origin: TelemetryOrigin, messages: readonly NewMessage[]): void {
  if (!hub.throttle.allow('sends')) throw throttled('DeviceToCloudSend');
  const isRefused = hub.faults.find('refuse', ({ messageId }) =>
    messages.some(({ system }) => system.messageId === messageId),
  );
  if (isRefused) throw new IotHubError('ArgumentInvalid', 'BadRequest');
  const sizes = messages.map(messageSize);
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  if (totalBytes > MAX_MESSAGE_BYTES) throw tooLarge(MAX_MESSAGE_BYTES);
  if (!hub.throttle.allowMessages(sizes)) throw quotaExceeded(hub.identity.name);
  const partition = hub.partitions[partitionOf(origin.deviceId, hub.partitions.length)];
  if (!partition) throw new IotHubError('ServerError', 'The hub has no partitions.');
  partition.append(
    messages.map((message) => ({ ...message, origin })),
    Date.now(),
  );
  hub.clients.recordActivity(clientIdOf(origin));
  for (const wake of hub.onAppended) wake(partition.id);
}
