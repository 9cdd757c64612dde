/** The messages of a hub as events. */

import { type HubEvent, charactersOf } from '../event';
import type { HubMessage } from './hubConnection';

export interface ReadEvent extends HubEvent {
  partition: string;
  sequenceNumber: number;
}

const MAX_CHARACTERS_AT_ONCE = 1_000_000;

/** Passes large events in small groups, because as texts they use V8's heap, unlike the messages. */
export function* bySize(messages: readonly HubMessage[], partition: string): Generator<readonly ReadEvent[]> {
  let some: ReadEvent[] = [];
  let characters = 0;
  for (const message of messages) {
    const event = toReadEvent(message, partition);
    some.push(event);
    characters += charactersOf(event);
    if (characters < MAX_CHARACTERS_AT_ONCE) continue;
    yield some;
    [some, characters] = [[], 0];
  }
  if (some.length > 0) yield some;
}

function toReadEvent(message: HubMessage, partition: string): ReadEvent {
  const annotations = (message.message_annotations ?? {}) as Record<string, unknown>;
  const properties = jsonText(message.application_properties ?? {});
  return {
    partition,
    sequenceNumber: Number(annotations['x-opt-sequence-number']),
    body: bodyText(message.body),
    enqueuedUs: Number(annotations['x-opt-enqueued-time']) * 1_000,
    partitionId: Number(partition),
    deviceId: text(annotations['iothub-connection-device-id']),
    messageId: text(message.message_id),
    correlationId: text(message.correlation_id),
    generationId: text(annotations['iothub-connection-auth-generation-id']),
    properties: properties === '{}' || properties === '' ? undefined : properties,
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

/**
 * Devices send sections of data. A service may send any other value, or none: that is malformed JSON, as an empty text.
 */
function bodyText(body: unknown): string {
  const content =
    typeof body === 'object' && body !== null && 'typecode' in body && 'content' in body
      ? body.content
      : body;
  if (typeof content === 'string') return content;
  const parts: unknown[] = Array.isArray(content) ? content : [content];
  if (parts.length > 0 && parts.every((part) => Buffer.isBuffer(part)))
    return (parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)).toString('utf8');
  return jsonText(content);
}

/** @returns an empty text for what is no JSON, so that no message ends the reading of its partition */
function jsonText(value: unknown): string {
  try {
    return value === undefined ? '' : JSON.stringify(value);
  } catch {
    // Deep nesting exceeds the stack.
    return '';
  }
}
