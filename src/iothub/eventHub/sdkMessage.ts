import type { ReceivedEventData } from '@azure/event-hubs';
import type { Message } from 'rhea';

/**
 * Converts a message of the SDK to the form in which rhea decodes it. The SDK provides the user id only as a system
 * property.
 */
export function toMessage(event: ReceivedEventData): Message {
  const { messageAnnotations, applicationProperties, properties = {}, ...raw } = event.getRawAmqpMessage();
  const { absoluteExpiryTime, creationTime } = properties;
  const message: Partial<Record<keyof Message, unknown>> = {
    body: raw.body, // the undecoded body; `event.body` is decoded
    message_annotations: messageAnnotations,
    application_properties: applicationProperties,
    message_id: properties.messageId,
    user_id: userId(event.systemProperties?.userId),
    to: properties.to,
    subject: properties.subject,
    reply_to: properties.replyTo,
    correlation_id: properties.correlationId,
    content_type: properties.contentType,
    content_encoding: properties.contentEncoding,
    absolute_expiry_time: absoluteExpiryTime === undefined ? undefined : new Date(absoluteExpiryTime),
    creation_time: creationTime === undefined ? undefined : new Date(creationTime),
    group_id: properties.groupId,
    group_sequence: properties.groupSequence,
    reply_to_group_id: properties.replyToGroupId,
  };
  return message as Message;
}

/** The SDK copies the bytes of the user id to an object, with their indexes as keys. */
function userId(copied: unknown): Buffer | undefined {
  return typeof copied === 'object' && copied !== null
    ? Buffer.from(Object.values(copied as Record<string, number>))
    : undefined;
}
