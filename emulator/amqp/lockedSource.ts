import type { Delivery, Message, Sender } from 'rhea';
import type { DeliveryOutcome, LinkSource } from './links';
import { OutgoingLink } from './outgoingLink';

/** A queue whose messages are locked until the client settles them. */
export interface LockedQueue {
  /** Locks the next message. The lock token is a uuid. Returns undefined if there is none. */
  receive(): { readonly lockToken: string; readonly message: Message } | undefined;
  /** The client has stated the outcome. The lock may have expired. */
  settle(lockToken: string, outcome: DeliveryOutcome): void;
  /** The link ends before the client has settled the message. */
  release(lockToken: string): void;
}

/**
 * Sends the messages of a queue as the client gives credit. The tag of a delivery is its lock token, as Microsoft's SDK
 * for .NET expects.
 *
 * @param onClose called when the link has ended
 */
export function lockedSource(link: Sender, queue: LockedQueue, onClose: () => void): LinkSource {
  const outgoing = new OutgoingLink(link);
  const unsettled = new Map<Delivery, string>();
  let isScheduled = false;
  let isClosed = false;

  const pump = (): void => {
    isScheduled = false;
    while (!isClosed && outgoing.credit() > 0) {
      const next = queue.receive();
      if (!next) {
        outgoing.returnUnusedCredit();
        return;
      }
      const tag = Buffer.from(next.lockToken.replaceAll('-', ''), 'hex');
      unsettled.set(outgoing.deliver(next.message, tag), next.lockToken);
    }
  };

  return {
    /** In a later turn of the event loop, because rhea would write a transfer before its response to the attach. */
    wake() {
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(pump);
    },
    settled(delivery, outcome) {
      const lockToken = unsettled.get(delivery);
      if (lockToken === undefined) return;
      unsettled.delete(delivery);
      queue.settle(lockToken, outcome);
    },
    close(error) {
      isClosed = true;
      for (const lockToken of unsettled.values()) queue.release(lockToken);
      unsettled.clear();
      if (error) link.close({ ...error });
      onClose();
    },
  };
}
