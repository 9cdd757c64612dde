/** Receives a device's telemetry. */

import { message as amqp, type Message, type Receiver } from 'rhea';
import { bytesOf, idOf, settleNow, textOf, textProperties, type LinkTarget } from '../amqp';
import { amqpError } from '../amqpError';
import { applyDeviceFault } from '../deviceFaults';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import type { TelemetryOrigin } from '../partitionLog';
import {
  assertCreationTime,
  assertMessageId,
  CREATION_TIME,
  storeTelemetry,
  type NewMessage,
} from '../telemetry';

/** The message format of a batch, whose data sections are encoded messages (source: Microsoft.Azure.Amqp). */
const BATCH_FORMAT = 0x80013700;

export function telemetryTarget(
  hub: Hub,
  link: Receiver,
  origin: TelemetryOrigin,
  { reset, close }: { readonly reset: () => void; readonly close: () => void },
): LinkTarget {
  return {
    receive(message, delivery) {
      hub.requests.telemetry++;
      const settle = (error?: IotHubError) => () => {
        if (link.is_open()) settleNow(link.session, delivery, error && amqpError(error));
      };
      applyDeviceFault(hub, 'telemetry', origin.deviceId, {
        carryOut(rejection) {
          try {
            if (rejection) throw rejection;
            storeTelemetry(hub, origin, readMessages(message, delivery.format));
            return settle();
          } catch (error) {
            if (error instanceof IotHubError) return settle(error);
            throw error;
          }
        },
        reset,
        later: (delayMs, work) => void setTimeout(work, delayMs),
      });
    },
    close,
  };
}

function readMessages(message: Message | Buffer, format: number | undefined): NewMessage[] {
  const decoded = Buffer.isBuffer(message) ? decode(message) : message;
  if (format !== BATCH_FORMAT) return [readMessage(decoded)];
  const { content } = (decoded as { body?: { content?: unknown } }).body ?? {};
  const messages = [content].flat().map((part) => {
    if (!Buffer.isBuffer(part)) throw malformed();
    return readMessage(decode(part));
  });
  return messages;
}

/** @throws IotHubError ArgumentInvalid */
function readMessage(message: Message): NewMessage {
  const properties = textProperties(message);
  const messageId = idOf(message.message_id);
  const correlationId = idOf(message.correlation_id);
  const userId = textOf(message.user_id);
  const contentType = textOf(message.content_type);
  const contentEncoding = textOf(message.content_encoding);
  assertMessageId(messageId);
  for (const [name, value] of properties) if (name.toLowerCase() === CREATION_TIME) assertCreationTime(value);
  return {
    body: bytesOf(message),
    system: {
      ...(messageId === undefined ? {} : { messageId }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(userId === undefined ? {} : { userId }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(contentEncoding === undefined ? {} : { contentEncoding }),
    },
    properties,
  };
}

function decode(bytes: Buffer): Message {
  try {
    return amqp.decode(bytes) as unknown as Message;
  } catch {
    throw malformed();
  }
}

const malformed = () => new IotHubError('IotHubFormatError', 'The message is malformed.');
