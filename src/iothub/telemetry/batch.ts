/** Serializes messages as IoT Hub's HTTPS batches. */

/** A message as one JSON object of an HTTPS batch, in ASCII. */
export interface BatchItem {
  readonly batchItem: string;
}

/** IoT Hub: 255 KB minus one byte per HTTPS batch (source: Microsoft's device SDK for Java). */
export const MAX_BATCH_BYTES = 255 * 1024 - 1;
/** Bytes around a message in a batch. */
export const MAX_ITEM_BYTES = MAX_BATCH_BYTES - 2;
export const BATCH_CONTENT_TYPE = 'application/vnd.microsoft.iothub.json';

/**
 * Groups messages, in order, into as few requests as IoT Hub's limit allows. A group of one is sent as a single
 * message, whose limit is 256 KB.
 */
export function packBatches<Message extends BatchItem>(messages: readonly Message[]): Message[][] {
  if (messages.length <= 1) return messages.length === 0 ? [] : [[...messages]];
  const batches: Message[][] = [];
  let room = 0;
  for (const message of messages) {
    const bytes = message.batchItem.length + 1; // one byte for the comma or the closing bracket
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
export function batchBody(messages: readonly BatchItem[]): string {
  return `[${messages.map(({ batchItem }) => batchItem).join(',')}]`;
}
