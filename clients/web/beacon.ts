import type { Device } from './api';
import type { Message } from './message';
import { batchBody, firstBatch } from './post';

/** Maximum number of messages that the app accepts in a request. */
const MAX_MESSAGES = 500;

/**
 * Sends messages while the page closes, as text/plain, which needs no preflight. The result stays unknown.
 *
 * @returns the messages that the browser has accepted for sending: the oldest, or none
 */
export function sendBeacon(endpoint: string, device: Device, messages: readonly Message[]): Message[] {
  const batch = firstBatch(messages, MAX_MESSAGES);
  try {
    const isAccepted = batch[0] && navigator.sendBeacon(`${endpoint}/messages`, batchBody(device, batch));
    return isAccepted ? batch : [];
  } catch {
    return []; // Some privacy tools remove or break sendBeacon. Then the messages wait for the next visit.
  }
}
