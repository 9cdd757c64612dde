import { message, types } from 'rhea';
import type { PartitionLog } from '../partitionLog';

/** rhea ends every message with a body; an empty amqp-value section is these bytes. */
const EMPTY_BODY = Buffer.from([0x00, 0x53, 0x77, 0x40]);

/**
 * The delivery annotations that a reader gets before each message when it asked for
 * `com.microsoft:enable-receiver-runtime-metric`: what is last in the partition. To be put in front of a message.
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
