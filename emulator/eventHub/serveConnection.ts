/** Serves AMQP clients of a hub. */

import { types, type Message, type Receiver } from 'rhea';
import {
  createSourceLinks,
  echoedId,
  serveLinks,
  settleNow,
  sourcePath,
  type AmqpCondition,
  type ClientLinks,
  type LinkTarget,
  type OutgoingLink,
  type ServedLinks,
} from '../amqp';
import { createDeviceLinks, createDeviceTokens, deviceNodeOf } from '../deviceAmqp';
import type { Hub } from '../hub';
import type { Transport } from '../transport';
import { attachReader } from './attachReader';
import { createClaims } from './claims';
import type { ConnectOther } from './connectOther';
import { plainMechanisms, type PlainLogin } from './plainLogin';
import { putToken } from './putToken';
import type { Readers } from './readers';
import { refusalOfHost, refusalOfSender, unauthorizedFor } from './refusals';
import { isDevicebound, sendToDevice } from './serviceMessages';
import { attachServiceNode, serviceNodeOf } from './serviceSource';
import { readManagement, requestNodeOf, type Reply, type RequestNode } from './requests';

export interface ServedConnection extends Pick<ServedLinks, 'sessions' | 'close' | 'endSessions'> {
  /** Detaches the links of `$cbs` or `$management`, those of both directions; returns how many. */
  detachRequestLinks(node: RequestNode, error?: AmqpCondition): number;
}

interface Serving {
  readonly hub: Hub;
  readonly readers: Readers;
  readonly connectOther: ConnectOther;
  /** Called if the client turns out to be none of the hub. */
  readonly onOther: () => void;
}

/** Serves one AMQP 1.0 client: a reader of the built-in Event Hub endpoint, a service, or devices. */
export function serveConnection(
  transport: Transport,
  { hub, readers, connectOther, onOther }: Serving,
): ServedConnection {
  const { stream, peer } = transport;
  const { log } = hub;
  const claims = createClaims(() => {
    for (const [link, source] of served.sources()) {
      const path = sourcePath(link);
      const needsClaim = !deviceNodeOf(path) && !requestNodeOf(path, hub.identity);
      if (needsClaim && !claims.cover(path)) source.close(unauthorizedFor('Listen', path));
    }
  });
  const tokens = createDeviceTokens(hub, transport.clientCertificate, () => devices.detachUnauthorized());
  const devices = createDeviceLinks(hub, tokens, transport.reset);
  const replies = createSourceLinks();
  let registration: PlainLogin | undefined;

  /** Finds the link by `reply-to`, its target or its name. Clients without `reply-to` have one link per node. */
  const replyLinkFor = (path: string, { reply_to: replyTo }: Message): OutgoingLink | undefined => {
    const links = replies.all().filter(({ link }) => sourcePath(link) === path);
    const named = links.find(({ link }) => {
      const target = (link.target as { address?: string } | undefined)?.address;
      return replyTo !== undefined && (target === replyTo || link.name === replyTo);
    });
    return named ?? links[0];
  };

  const requestTarget = (link: Receiver, path: string): LinkTarget => ({
    receive(received, delivery) {
      const message = received as Message;
      // Sent before the response: Microsoft's uamqp treats a response that arrives first as a protocol error.
      settleNow(link.session, delivery);
      const reply =
        path === '$cbs' ? putToken(hub, { claims, tokens }, message) : readManagement(hub, claims, message);
      log.debug(() => `${peer} request to '${path}': ${reply?.status ?? 'no response'}`);
      if (reply) replyLinkFor(path, message)?.send(response(message, reply));
    },
    close: () => undefined,
  });

  const deviceboundTarget = (link: Receiver): LinkTarget => ({
    receive: (message, delivery) =>
      sendToDevice(hub, message as Message, {
        settle: (error) => {
          if (link.is_open()) settleNow(link.session, delivery, error);
        },
        reset: transport.reset,
      }),
    close: () => undefined,
  });

  const links: ClientLinks = {
    /** Responses of `$cbs` and `$management`, what devices and services receive, or messages of a partition. */
    attachSource(link, path) {
      if (requestNodeOf(path, hub.identity))
        return replies.all().length >= MAX_REPLY_LINKS
          ? TOO_MANY_REPLY_LINKS
          : replies.attach(link, () => undefined);
      const node = deviceNodeOf(path);
      if (node) return devices.attachSource(link, node);
      const serviceNode = serviceNodeOf(hub, path);
      if (serviceNode) return attachServiceNode(hub, claims, link, path, serviceNode);
      return attachReader(hub, readers, claims, link, () => stream.writableLength);
    },
    /** Requests, messages to devices, and what a device sends. */
    attachTarget(link, path) {
      const node = deviceNodeOf(path);
      if (node) return devices.attachTarget(link, node);
      if (requestNodeOf(path, hub.identity)) return requestTarget(link, path);
      if (isDevicebound(path) && claims.cover(path)) return deviceboundTarget(link);
      return refusalOfSender(path, hub.identity);
    },
  };

  const served = serveLinks({
    transport,
    mechanisms: plainMechanisms(
      hub,
      () => ({ claims, tokens }),
      (login) => (registration = login),
    ),
    log,
    open(hostNames) {
      const other = connectOther({ transport, hostNames, login: registration });
      if (other) onOther();
      if (other) return other;
      const foreign = hub.foreignHost(hostNames);
      if (foreign === undefined) return links;
      log.debug(() => `${peer} opened a connection to '${foreign}': not here`);
      return refusalOfHost(foreign);
    },
    onEnd() {
      claims.clear();
      devices.end();
    },
  });
  return {
    ...served,
    detachRequestLinks: (node, error) =>
      served.detach((path) => requestNodeOf(path, hub.identity) === node, error),
  };
}

/** Reply links of a connection: each request searches them. Microsoft's SDKs attach one per node. */
const MAX_REPLY_LINKS = 100;

const TOO_MANY_REPLY_LINKS: AmqpCondition = {
  condition: 'amqp:resource-limit-exceeded',
  description: `A connection attaches at most ${MAX_REPLY_LINKS} links to receive from $cbs and $management.`,
};

function response(request: Message, reply: Reply): Message {
  const { message_id: messageId, correlation_id: correlationId } = request;
  return {
    correlation_id: echoedId(messageId ?? correlationId),
    application_properties: {
      'status-code': types.wrap_int(reply.status),
      'status-description': reply.description,
      ...(reply.condition === undefined ? {} : { 'error-condition': reply.condition }),
    },
    body: reply.body,
  } as Message;
}
