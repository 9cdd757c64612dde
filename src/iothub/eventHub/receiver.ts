import { randomUUID } from 'node:crypto';
import rhea, { type EventContext, type Receiver } from 'rhea';
import { NO_OFFSET, type Position } from '../feed/cursor';
import { toAmqpError } from './amqpError';
import type { PartitionReceiver, ReceiveOptions } from './generation';
import type { AmqpConnection } from './connection';

/** Descriptor of `apache.org:selector-filter:string`, the filter for the start position of a reader. */
const SELECTOR_FILTER = 'apache.org:selector-filter:string';
const SELECTOR_FILTER_CODE = 0x468c00000004;

/**
 * Attaches a receiver to a partition, in a session of its own: a slow partition does not delay another. The claim must
 * have been granted.
 */
export function openReceiver(
  { beginSession, ended }: AmqpConnection,
  address: string,
  options: ReceiveOptions,
): PartitionReceiver {
  const session = beginSession();
  const receiver: Receiver = session.open_receiver({
    name: randomUUID(),
    credit_window: 0,
    autoaccept: false,
    source: {
      address,
      filter: { [SELECTOR_FILTER]: rhea.types.wrap_described(selector(options.after), SELECTOR_FILTER_CODE) },
    },
  });
  let open = true;
  const stop = (): void => {
    open = false;
    ended.removeEventListener('abort', onLost);
    session.removeListener('session_close', onSessionClose);
  };
  const end = (error: unknown): void => {
    if (!open) return;
    stop();
    options.onEnd(toAmqpError(error));
  };
  const onLost = (): void => {
    end(ended.reason);
  };
  const onSessionClose = (): void => {
    end(session.error);
  };
  receiver.on('message', ({ message, delivery }: EventContext) => {
    // Event Hubs sends settled messages. rhea would nevertheless create an outcome for each message.
    if (delivery?.remote_settled) delivery.update(true);
    else delivery?.accept();
    if (open && message) options.onMessage(message);
  });
  receiver.on('receiver_close', () => {
    // If the service detached the link, rhea responds with a detach in the next tick, which must precede the end.
    setImmediate(() => {
      if (!ended.aborted) session.close();
    });
    end(receiver.error);
  });
  session.on('session_close', onSessionClose);
  ended.addEventListener('abort', onLost);
  receiver.add_credit(options.credit);
  return {
    addCredit: (messages) => {
      if (open) receiver.add_credit(messages);
    },
    close: () => {
      if (!open) return;
      stop();
      receiver.close();
    },
  };
}

/**
 * After a message that was read, the filter is a sequence number. From the beginning, it is an offset, because
 * `sequence number > -1` may deliver nothing on a new partition.
 */
function selector({ sequenceNumber, offset }: Position): string {
  return sequenceNumber >= 0 && offset !== NO_OFFSET
    ? `amqp.annotation.x-opt-sequence-number > '${sequenceNumber}'`
    : `amqp.annotation.x-opt-offset > '${offset}'`;
}
