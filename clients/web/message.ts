import { newMessageId } from './messageId';

/** IoT Hub accepts 256 KB per message with its properties. The difference is reserved for what the app adds. */
const MAX_MESSAGE_BYTES = 250_000;

/** A queued message. */
export interface Message {
  /** Message id. Ids sort in the order in which the messages were tracked. */
  id: string;
  /** The message as it is sent, JSON: `{"messageId", "createdAt", "properties"?, "deviceMessage"}`. */
  json: string;
}

/** A message with a new id and the current time. If it cannot be sent, `problem` is the code of the reason. */
export function createMessage(
  deviceMessage: unknown,
  properties: unknown,
): Message & { problem: string | undefined } {
  const id = newMessageId();
  let json = '';
  let problem: string | undefined;
  try {
    const data = JSON.stringify(deviceMessage ?? null) as string | undefined; // undefined for a function
    const rest = JSON.stringify({ messageId: id, createdAt: new Date().toISOString(), properties });
    json = `${rest.slice(0, -1)},"deviceMessage":${data}}`;
    if (sizeOf(json) > MAX_MESSAGE_BYTES) problem = 'message_too_large';
    if (!data) problem = 'not_json';
  } catch {
    problem = 'not_json';
  }
  return { id, json, problem };
}

/** The tracked message; undefined if the stored text is damaged. */
export function deviceMessageOf({ json }: Message): unknown {
  try {
    return (JSON.parse(json) as { deviceMessage: unknown }).deviceMessage;
  } catch {
    return undefined;
  }
}

/** Bytes of a text in UTF-8. */
export function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
