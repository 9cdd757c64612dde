import { randomUUID } from 'node:crypto';
import rhea, { type EventContext, type Message, type Receiver } from 'rhea';
import { NO_OFFSET, type Position } from '../cursor';
import { toAmqpError } from './amqpError';
import type { AmqpConnection } from './connection';

/** Descriptor of `apache.org:selector-filter:string`, the way to say where a reader begins. */
const SELECTOR_FILTER = 'apache.org:selector-filter:string';
const SELECTOR_FILTER_CODE = 0x468c00000004;

export interface PartitionReceiver {
  addCredit: (messages: number) => void;
  /** Ends the link; nobody needs to wait for it. */
  close: () => void;
}

/**
 * Attaches a reader to a partition, on a session of its own as the SDKs do: a slow partition does not hold up another.
 * The claim must have been granted.
 *
 * @param onEnd called once if the service or the connection ends the link, not after `close`
 */
export function openReceiver(
  { amqp, ended }: AmqpConnection,
  address: string,
  options: {
    after: Position;
    /** messages that may come before more are asked for */
    credit: number;
    onMessage: (message: Message) => void;
    onEnd: (error: unknown) => void;
  },
): PartitionReceiver {
  const session = amqp.create_session();
  session.begin();
  const receiver: Receiver = session.open_receiver({
    name: randomUUID(),
    credit_window: 0,
    autoaccept: true,
    source: {
      address,
      filter: { [SELECTOR_FILTER]: rhea.types.wrap_described(selector(options.after), SELECTOR_FILTER_CODE) },
    },
  });
  let open = true;
  const end = (error: unknown): void => {
    if (!open) return;
    open = false;
    ended.removeEventListener('abort', onLost);
    session.close();
    options.onEnd(toAmqpError(error));
  };
  const onLost = (): void => {
    end(ended.reason);
  };
  receiver.on('message', ({ message }: EventContext) => {
    if (open && message) options.onMessage(message);
  });
  receiver.on('receiver_close', () => {
    end(receiver.error);
  });
  session.on('session_close', () => {
    end(session.error);
  });
  ended.addEventListener('abort', onLost);
  receiver.add_credit(options.credit);
  return {
    addCredit: (messages) => {
      if (open) receiver.add_credit(messages);
    },
    close: () => {
      if (!open) return;
      open = false;
      ended.removeEventListener('abort', onLost);
      receiver.close();
      session.close();
    },
  };
}

/**
 * By sequence number behind a message that was read. From the beginning by offset: `sequence number > -1` may deliver
 * nothing on a partition that is new.
 */
function selector({ sequenceNumber, offset }: Position): string {
  return sequenceNumber >= 0 && offset !== NO_OFFSET
    ? `amqp.annotation.x-opt-sequence-number > '${sequenceNumber}'`
    : `amqp.annotation.x-opt-offset > '${offset}'`;
}
