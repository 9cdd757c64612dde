/** Sends the messages of a queue to services over AMQP: feedback, and notifications of file uploads. */

import { types, type Message, type Sender } from 'rhea';
import { dataSection, lockedSource, type AmqpCondition, type LinkSource } from '../amqp';
import { FEEDBACK_CONTENT_TYPE } from '../cloudToDevice';
import { FILE_NOTIFICATION_CONTENT_TYPE } from '../fileUploads';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { QueuedItem, ServiceQueue } from '../serviceQueue';
import type { Claims } from './claims';
import { unauthorizedFor } from './refusals';

interface ServiceNode {
  readonly queue: Omit<ServiceQueue<unknown>, 'add'>;
  readonly contentType: string;
}

/** iot-hub-devguide-messages-c2d, "Message feedback"; iot-hub-devguide-file-upload, "File upload notifications". */
export function serviceNodeOf(hub: Hub, path: string): ServiceNode | undefined {
  switch (path.toLowerCase()) {
    case 'messages/servicebound/feedback':
      return { queue: hub.feedback, contentType: FEEDBACK_CONTENT_TYPE };
    case 'messages/servicebound/filenotifications':
      return { queue: hub.files.notifications, contentType: FILE_NOTIFICATION_CONTENT_TYPE };
    default:
      return undefined;
  }
}

/** Attaches a service's receiver, or returns the error with which the hub rejects it. */
export function attachServiceNode(
  hub: Hub,
  claims: Claims,
  link: Sender,
  path: string,
  { queue, contentType }: ServiceNode,
): LinkSource | AmqpCondition {
  if (!claims.cover(path)) return unauthorizedFor('Listen', path);
  const source = lockedSource(
    link,
    {
      receive() {
        const queued = queue.receive();
        return (
          queued && {
            lockToken: queued.lockToken,
            message: serviceMessage(queued, contentType, hub.identity.hostName),
          }
        );
      },
      settle(lockToken, outcome) {
        try {
          if (outcome === 'accepted' || outcome === 'rejected') queue.complete(lockToken);
          else queue.abandon(lockToken);
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error; // the lock has expired
        }
      },
      release: queue.release,
    },
    () => removeListener(),
  );
  const removeListener = queue.onAvailable(() => source.wake());
  return source;
}

const serviceMessage = (queued: QueuedItem<unknown>, contentType: string, hostName: string): Message =>
  ({
    delivery_count: queued.deliveryCount,
    user_id: Buffer.from(hostName, 'utf8'),
    content_type: contentType,
    message_annotations: {
      'x-opt-sequence-number': types.wrap_ulong(queued.sequenceNumber) as unknown,
      'x-opt-enqueued-time': types.wrap_timestamp(queued.enqueuedTime),
      'iothub-enqueuedtime': types.wrap_timestamp(queued.enqueuedTime),
      'x-opt-lock-token': queued.lockToken,
    },
    body: dataSection(Buffer.from(JSON.stringify(queued.item), 'utf8')),
  }) as unknown as Message;
