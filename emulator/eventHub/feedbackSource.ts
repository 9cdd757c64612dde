/** Sends feedback of cloud-to-device messages to services (iot-hub-devguide-messages-c2d, "Message feedback"). */

import { types, type Message, type Sender } from 'rhea';
import { dataSection, lockedSource, type AmqpCondition, type LinkSource } from '../amqp';
import { FEEDBACK_CONTENT_TYPE, type FeedbackBatch } from '../cloudToDevice';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { Claims } from './claims';
import { unauthorizedFor } from './refusals';

export const isFeedback = (path: string): boolean => path.toLowerCase() === 'messages/servicebound/feedback';

/** Attaches a service's receiver, or returns the error with which the hub rejects it. */
export function attachFeedback(
  hub: Hub,
  claims: Claims,
  link: Sender,
  path: string,
): LinkSource | AmqpCondition {
  if (!claims.cover(path)) return unauthorizedFor('Listen', path);
  const { feedback } = hub;
  const source = lockedSource(
    link,
    {
      receive() {
        const batch = feedback.receive();
        return (
          batch && { lockToken: batch.lockToken, message: feedbackMessage(batch, hub.identity.hostName) }
        );
      },
      settle(lockToken, outcome) {
        try {
          if (outcome === 'accepted' || outcome === 'rejected') feedback.complete(lockToken);
          else feedback.abandon(lockToken);
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error; // the lock has expired
        }
      },
      release: feedback.release,
    },
    () => removeListener(),
  );
  const removeListener = feedback.onAvailable(() => source.wake());
  return source;
}

const feedbackMessage = (batch: FeedbackBatch, hostName: string): Message =>
  ({
    delivery_count: batch.deliveryCount,
    user_id: Buffer.from(hostName, 'utf8'),
    content_type: FEEDBACK_CONTENT_TYPE,
    message_annotations: {
      'x-opt-sequence-number': types.wrap_ulong(batch.sequenceNumber) as unknown,
      'x-opt-enqueued-time': types.wrap_timestamp(batch.enqueuedTime),
      'iothub-enqueuedtime': types.wrap_timestamp(batch.enqueuedTime),
      'x-opt-lock-token': batch.lockToken,
    },
    body: dataSection(Buffer.from(JSON.stringify(batch.records), 'utf8')),
  }) as unknown as Message;
