import { message, types } from 'rhea';
import type { PartitionLog } from '../partitionLog';

/** rhea writes a body at the end of every message. These are the bytes of an empty amqp-value section. */
const EMPTY_BODY = Buffer.from([0x00, 0x53, 0x77, 0x40]);

/**
 * The delivery annotations with the last sequence number, offset and time of the partition. They precede each message
 * if the reader requested `com.microsoft:enable-receiver-runtime-metric`.
 */
export function runtimeMetric(log: PartitionLog): Buffer {
  const encoded = message.encode({
    delivery_annotations: {
      last_enqueued_sequence_number: types.wrap_long(log.lastSequenceNumber),
      last_enqueued_offset: String(log.lastOffset),
      last_enqueued_time_utc: types.wrap_timestamp(log.lastEnqueuedTime),
      runtime_info_retrieval_time_utc: types.wrap_timestamp(Date.now()),
    },
  });
  const end = encoded.length - EMPTY_BODY.length;
  return encoded.subarray(end).equals(EMPTY_BODY) ? encoded.subarray(0, end) : encoded;
}
