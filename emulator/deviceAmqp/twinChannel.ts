/** A device's twin over AMQP: requests on one link, responses and changes of desired properties on the other. */

import { types, type Message, type Receiver, type Sender } from 'rhea';
import {
  bytesOf,
  createSourceLinks,
  dataSection,
  echoedId,
  type OutgoingLink,
  remoteAttach,
  settleNow,
  type LinkSource,
  type LinkTarget,
} from '../amqp';
import { applyDeviceFault } from '../deviceFaults';
import { respondToTwinRequest, type TwinRequest, type TwinResponse } from '../deviceTwins';
import type { Hub } from '../hub';
import type { IotHubError } from '../iotHubError';
import type { JsonObject } from '../twins';

const DESIRED = '/notifications/twin/properties/desired';
const REPORTED = '/properties/reported';
const CHANNEL = 'com.microsoft:channel-correlation-id';

export interface TwinChannel {
  attachSource(link: Sender, onClose: () => void): LinkSource;
  attachTarget(link: Receiver, onClose: () => void): LinkTarget;
  /** Sends a change of the desired properties, if the device has asked for them. */
  notifyDesired(change: JsonObject): void;
}

/** Maximum number of requests that a fault delays per device, which limits memory. */
const MAX_DELAYED_REQUESTS = 100;

/** The requests are those of Microsoft's device SDKs: the operation and its resource are message annotations. */
export function createTwinChannel(hub: Hub, clientId: string, reset: () => void): TwinChannel {
  const sources = createSourceLinks();
  let isNotified = false;
  let delayed = 0;

  /** A request is settled before its response, so that no credit limits the requests that a fault delays. */
  const delay = (link: Receiver, delayMs: number, work: () => void): void => {
    if (delayed >= MAX_DELAYED_REQUESTS) {
      link.close({
        condition: 'amqp:resource-limit-exceeded',
        description: `${MAX_DELAYED_REQUESTS} requests for the twin wait for their responses.`,
      });
      return;
    }
    delayed++;
    setTimeout(() => {
      delayed--;
      work();
    }, delayMs).unref();
  };

  /** The link of the same channel, or the last one that the device attached. */
  const sourceFor = (target: Receiver): OutgoingLink | undefined => {
    const channel = remoteAttach(target).properties[CHANNEL];
    const attached = sources.all();
    return attached.find(({ link }) => remoteAttach(link).properties[CHANNEL] === channel) ?? attached.at(-1);
  };

  const respond = (message: Message, rejection?: IotHubError): TwinResponse => {
    const { operation, resource, version } = (message.message_annotations ?? {}) as Record<string, unknown>;
    const respondTo = (request: TwinRequest) => respondToTwinRequest(hub, clientId, request, rejection);
    const payload = bytesOf(message);
    if (operation === 'GET') return respondTo({ kind: 'getTwin', payload });
    if (operation === 'PATCH' && resource === REPORTED) {
      const ifVersion = typeof version === 'number' ? String(version) : undefined;
      return respondTo({ kind: 'patchReported', payload, version: ifVersion });
    }
    if ((operation === 'PUT' || operation === 'DELETE') && resource === DESIRED) {
      isNotified = operation === 'PUT';
      return { status: 200 };
    }
    return { status: 400, body: { message: 'The operation of the twin is unknown.' } };
  };

  return {
    attachSource: (link, onClose) =>
      sources.attach(link, () => {
        if (sources.all().length === 0) isNotified = false;
        onClose();
      }),
    attachTarget: (link, onClose) => ({
      receive(message, delivery) {
        settleNow(link.session, delivery);
        if (Buffer.isBuffer(message)) return;
        hub.requests.twins++;
        applyDeviceFault(hub, 'twins', clientId, {
          carryOut(rejection) {
            const response = respond(message, rejection);
            return () => sourceFor(link)?.send(responseMessage(message, response));
          },
          reset,
          later: (delayMs, work) => delay(link, delayMs, work),
        });
      },
      close: onClose,
    }),
    notifyDesired(change) {
      if (!isNotified) return;
      sources
        .all()
        .at(-1)
        ?.send({
          message_annotations: { resource: DESIRED },
          body: dataSection(Buffer.from(JSON.stringify(change))),
        });
    },
  };
}

function responseMessage(request: Message, { status, version, body }: TwinResponse): Message {
  return {
    correlation_id: echoedId(request.correlation_id),
    message_annotations: {
      status: types.wrap_int(status),
      ...(version === undefined ? {} : { version: types.wrap_long(version) }),
    },
    body: dataSection(Buffer.from(body === undefined ? '' : JSON.stringify(body))),
  } as unknown as Message;
}
