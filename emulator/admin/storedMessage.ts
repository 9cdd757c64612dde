import { message as amqp } from 'rhea';
import type { PartitionLog } from '../partitionLog';

/** A message in a partition, as the admin API returns it. */
export interface StoredMessage {
  readonly partitionId: string;
  readonly sequenceNumber: number;
  readonly offset: string;
  readonly enqueuedTimeUtc: string;
  readonly deviceId: string;
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly properties: Readonly<Record<string, string>>;
  /** The body decoded as UTF-8. `bodyBase64` contains its bytes. */
  readonly body: string;
  readonly bodyBase64: string;
}

interface Decoded {
  readonly message_annotations: Readonly<Record<string, unknown>>;
  readonly application_properties?: Readonly<Record<string, string>>;
  readonly message_id?: string;
  readonly correlation_id?: string;
  readonly content_type?: string;
  readonly content_encoding?: string;
  readonly body: { readonly content: Buffer };
}

/** Decodes the message with this sequence number. Returns undefined if the message is not stored. */
export function storedMessage(log: PartitionLog, sequenceNumber: number): StoredMessage | undefined {
  const payload = log.payload(sequenceNumber);
  if (!payload) return undefined;
  const decoded = amqp.decode(payload) as unknown as Decoded;
  const annotations = decoded.message_annotations;
  const { message_id, correlation_id, content_type, content_encoding } = decoded;
  return {
    partitionId: log.id,
    sequenceNumber,
    offset: String(annotations['x-opt-offset']),
    enqueuedTimeUtc: (annotations['x-opt-enqueued-time'] as Date).toISOString(),
    deviceId: String(annotations['iothub-connection-device-id']),
    ...(message_id == null ? {} : { messageId: message_id }),
    ...(correlation_id == null ? {} : { correlationId: correlation_id }),
    ...(content_type == null ? {} : { contentType: content_type }),
    ...(content_encoding == null ? {} : { contentEncoding: content_encoding }),
    properties: decoded.application_properties ?? {},
    body: decoded.body.content.toString('utf8'),
    bodyBase64: decoded.body.content.toString('base64'),
  };
}
