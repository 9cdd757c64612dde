import { randomUUID } from 'node:crypto';
import type { EventContext, Message, Receiver, Sender } from 'rhea';
import { type AmqpError, refusal, toAmqpError } from './amqpError';
import type { AmqpConnection } from './connection';

/** Responses that may arrive before rhea grants the service more credit. */
const RESPONSE_CREDIT = 1_000;
/** AMQP's sender settle mode "settled". */
const SETTLED = 1;

/** A node of the service that responds to requests: `$cbs` or `$management`. */
export interface RequestNode {
  /**
   * @returns the body of the response
   * @throws {AmqpError} if the service rejects the request, or if the links or the connection end before the response
   */
  request: (properties: Record<string, string>, body: unknown) => Promise<unknown>;
}

/**
 * Opens the node's links with the first request, and again with the first request after they ended: the service
 * detaches links after ten idle minutes, and may detach any link at any time.
 */
export function createRequestNode(connection: AmqpConnection, address: string): RequestNode {
  let links: RequestLinks | undefined;
  return {
    request: (properties, body) => {
      if (!links?.isOpen()) links = openRequestLinks(connection, address);
      return links.request(properties, body);
    },
  };
}

interface RequestLinks extends RequestNode {
  isOpen: () => boolean;
}

interface PendingRequest {
  resolve: (body: unknown) => void;
  reject: (error: AmqpError) => void;
}

/** Opens both links in a new session. A request is sent as soon as the service grants credit. */
function openRequestLinks({ beginSession, ended }: AmqpConnection, address: string): RequestLinks {
  const pending = new Map<string, PendingRequest>();
  const replyTo = randomUUID();
  let open = !ended.aborted;
  let requests = 0;

  const session = beginSession();
  const receiver: Receiver = session.open_receiver({
    name: replyTo,
    source: { address },
    target: { address: replyTo },
    credit_window: RESPONSE_CREDIT,
  });
  // Sent settled, as by Microsoft's .NET client: the response makes a disposition unnecessary.
  const sender: Sender = session.open_sender({
    name: randomUUID(),
    target: { address },
    snd_settle_mode: SETTLED,
  });

  const fail = (error: unknown): void => {
    open = false;
    ended.removeEventListener('abort', onConnectionEnd);
    for (const { reject } of pending.values()) reject(toAmqpError(error));
    pending.clear();
  };
  const onConnectionEnd = (): void => {
    fail(ended.reason);
  };
  /** One link is useless without the other. rhea writes both detaches before the end of the session. */
  const onDetach = (error: unknown): void => {
    if (!open) return;
    fail(error);
    receiver.close();
    sender.close();
    session.close();
  };
  receiver.on('message', ({ message }: EventContext) => {
    if (message) settle(pending, message);
  });
  receiver.on('receiver_close', () => {
    onDetach(receiver.error);
  });
  sender.on('sender_close', () => {
    onDetach(sender.error);
  });
  session.on('session_close', () => {
    if (open) fail(session.error);
  });
  ended.addEventListener('abort', onConnectionEnd);

  return {
    isOpen: () => open,
    request: (properties, body) =>
      new Promise((resolve, reject) => {
        if (!open) {
          reject(toAmqpError(ended.reason));
          return;
        }
        const id = `${replyTo}:${(requests += 1)}`;
        pending.set(id, { resolve, reject });
        sender.send({ message_id: id, reply_to: replyTo, application_properties: properties, body });
      }),
  };
}

function settle(pending: Map<string, PendingRequest>, message: Message): void {
  const id = String(message.correlation_id);
  const request = pending.get(id);
  if (!request) return;
  pending.delete(id);
  const properties = (message.application_properties ?? {}) as Record<string, unknown>;
  const status = Number(properties['status-code'] ?? properties.statusCode);
  if (status >= 200 && status < 300) request.resolve(message.body);
  else request.reject(refusal(status, properties['error-condition'], properties['status-description']));
}
