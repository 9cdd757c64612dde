import { randomUUID } from 'node:crypto';
import type { EventContext, Message, Receiver, Sender } from 'rhea';
import { type AmqpError, refusal, toAmqpError } from './amqpError';
import type { AmqpConnection } from './connection';

/** Answers that may come before rhea asks the service for more. */
const REPLY_CREDIT = 1_000;
/** AMQP's sender settle mode "settled". */
const SETTLED = 1;

/** Requests and their answers on one node of the service, `$cbs` or `$management`. */
export interface RequestLink {
  readonly isOpen: () => boolean;
  /**
   * @returns the body of the answer
   * @throws {AmqpError} what the service refuses, and the end of the link or its connection
   */
  request: (properties: Record<string, string>, body: unknown) => Promise<unknown>;
}

interface Waiting {
  resolve: (body: unknown) => void;
  reject: (error: AmqpError) => void;
}

/** Opens the pair of links on a session of their own, and waits for nothing: requests are sent as soon as they may. */
export function openRequestLink({ amqp, ended }: AmqpConnection, address: string): RequestLink {
  const waiting = new Map<string, Waiting>();
  const replyTo = randomUUID();
  let open = true;
  let requests = 0;

  const session = amqp.create_session();
  session.begin();
  const receiver: Receiver = session.open_receiver({
    name: replyTo,
    source: { address },
    target: { address: replyTo },
    credit_window: REPLY_CREDIT,
  });
  // Settled when sent, as Microsoft's .NET client has it: the answer says all that a disposition could.
  const sender: Sender = session.open_sender({
    name: randomUUID(),
    target: { address },
    snd_settle_mode: SETTLED,
  });

  const fail = (error: unknown): void => {
    open = false;
    for (const { reject } of waiting.values()) reject(toAmqpError(error));
    waiting.clear();
  };
  receiver.on('message', ({ message }: EventContext) => {
    if (message) settle(waiting, message);
  });
  receiver.on('receiver_close', () => {
    fail(receiver.error);
  });
  sender.on('sender_close', () => {
    fail(sender.error);
  });
  session.on('session_close', () => {
    fail(session.error);
  });
  ended.addEventListener('abort', () => {
    fail(ended.reason);
  });

  return {
    isOpen: () => open,
    request: (properties, body) =>
      new Promise((resolve, reject) => {
        if (!open || ended.aborted) {
          reject(toAmqpError(ended.reason));
          return;
        }
        const id = `${replyTo}:${(requests += 1)}`;
        waiting.set(id, { resolve, reject });
        sender.send({ message_id: id, reply_to: replyTo, application_properties: properties, body });
      }),
  };
}

function settle(waiting: Map<string, Waiting>, message: Message): void {
  const id = String(message.correlation_id);
  const asked = waiting.get(id);
  if (!asked) return;
  waiting.delete(id);
  const properties = (message.application_properties ?? {}) as Record<string, unknown>;
  const status = Number(properties['status-code'] ?? properties.statusCode);
  if (status >= 200 && status < 300) asked.resolve(message.body);
  else asked.reject(refusal(status, properties['error-condition'], properties['status-description']));
}
