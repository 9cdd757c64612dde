/** Direct methods of a device over AMQP: requests on one link, the device's responses on the other. */

import { string_to_uuid, type Message, type Receiver, type Sender } from 'rhea';
import {
  bytesOf,
  createSourceLinks,
  dataSection,
  idOf,
  settleNow,
  type LinkSource,
  type LinkTarget,
} from '../amqp';
import { amqpError } from '../amqpError';
import type { MethodRequest } from '../deviceConnections';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { readMethodPayload } from '../methods';

/** The application properties of requests and responses, as Microsoft's device SDKs spell them. */
const METHOD_NAME = 'IoThub-methodname';
const STATUS = 'IoThub-status';

/** Microsoft's SDKs expect a uuid as the id of a request. Its last part is the number of the call. */
const UUID_PREFIX = '00000000-0000-4000-8000-';
const NUMBER_DIGITS = 12;

export interface MethodChannel {
  attachSource(link: Sender, onClose: () => void): LinkSource;
  attachTarget(link: Receiver, onClose: () => void): LinkTarget;
  /** Whether the device receives calls. */
  isOpen(): boolean;
  invoke(request: MethodRequest): void;
}

export function createMethodChannel(hub: Hub, clientId: string): MethodChannel {
  const sources = createSourceLinks();
  return {
    attachSource(link, onClose) {
      // In a later turn of the event loop, because rhea would write a request before its response to the attach.
      setImmediate(() => hub.connections.ready(clientId));
      return sources.attach(link, onClose);
    },
    attachTarget: (link, onClose) => ({
      receive(message, delivery) {
        try {
          if (Buffer.isBuffer(message))
            throw new IotHubError('IotHubFormatError', 'The response is malformed.');
          hub.methods.respond(clientId, requestIdOf(message), {
            status: statusOf(message),
            payload: readMethodPayload(bytesOf(message)),
          });
          settleNow(link.session, delivery);
        } catch (error) {
          if (!(error instanceof IotHubError)) throw error;
          settleNow(link.session, delivery, amqpError(error));
        }
      },
      close: onClose,
    }),
    isOpen: () => sources.all().length > 0,
    invoke({ requestId, name, payload }) {
      sources
        .all()
        .at(-1)
        ?.send({
          correlation_id: string_to_uuid(`${UUID_PREFIX}${requestId.padStart(NUMBER_DIGITS, '0')}`),
          application_properties: { [METHOD_NAME]: name },
          body: dataSection(Buffer.from(payload)),
        });
    },
  };
}

function requestIdOf(message: Message): string {
  const id = idOf(message.correlation_id) ?? '';
  return id.startsWith(UUID_PREFIX) ? String(Number(id.slice(UUID_PREFIX.length))) : id;
}

/** @throws IotHubError */
function statusOf(message: Message): number {
  const status = Number((message.application_properties as Record<string, unknown> | undefined)?.[STATUS]);
  if (!Number.isInteger(status)) throw new IotHubError('ArgumentInvalid', `${STATUS} is not an integer.`);
  return status;
}
