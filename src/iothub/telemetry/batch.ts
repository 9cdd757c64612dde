import type { DeviceMessage } from './telemetryMessage';

/** IoT Hub: 255 KB less one byte for an HTTPS batch, as Microsoft's device SDK for Java has it. */
export const MAX_BATCH_BYTES = 255 * 1024 - 1;
/** Of one message in a batch, between its brackets. */
export const MAX_ITEM_BYTES = MAX_BATCH_BYTES - 2;
export const BATCH_CONTENT_TYPE = 'application/vnd.microsoft.iothub.json';

/**
 * Groups messages into as few requests as IoT Hub's limit allows while their order stays. What is alone in its group
 * goes as a single message, so one that is too large for a batch still has the 256 KB of a message.
 */
export function packBatches(messages: readonly DeviceMessage[]): DeviceMessage[][] {
  if (messages.length <= 1) return messages.length === 0 ? [] : [[...messages]];
  const batches: DeviceMessage[][] = [];
  let room = 0;
  for (const message of messages) {
    const bytes = message.batchItem.length + 1; // its comma, or a bracket
    const batch = batches.at(-1);
    if (batch !== undefined && bytes <= room) {
      batch.push(message);
      room -= bytes;
    } else {
      batches.push([message]);
      room = MAX_BATCH_BYTES - 1 - bytes;
    }
  }
  return batches;
}

/** The body of an HTTPS batch. */
export function batchBody(messages: readonly DeviceMessage[]): string {
  return `[${messages.map(({ batchItem }) => batchItem).join(',')}]`;
}
