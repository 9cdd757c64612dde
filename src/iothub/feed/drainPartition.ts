import type { Message } from 'rhea';
import type { Generation, PartitionReceiver } from '../eventHub/generation';
import {
  type EncodedFeedMessage,
  type EncodeMessage,
  bytesOf,
  encodeFeedMessage,
  readFeedMessage,
} from './feedMessage';
import type { PartitionPlan } from './readingPlan';

/** Messages that are asked for at a time: bounds what is sent in vain when an answer is full before its share ends. */
const MAX_CREDIT = 5_000;
const MIN_CREDIT = 16;
/** After this long without a message the partition is asked whether it still has what the plan saw. */
const STALL_MS = 1_000;

/** What was read from one partition, in order. */
export interface Drained {
  partitionId: string;
  messages: EncodedFeedMessage[];
  /** why it ended before its share was read */
  error?: unknown;
}

export interface DrainLimits {
  /** messages, at least 1 */
  share: number;
  /** bytes of the answer; the first message may be larger */
  bytes: number;
  encode: EncodeMessage;
  /** whether visitors send through this device */
  isGateway: (deviceId: string) => boolean;
  /** ends the reading, keeping what was read */
  signal: AbortSignal;
}

/**
 * Reads one partition with a receiver of its own: exactly `share` messages, or to the end that the plan saw, or
 * until `bytes` are full, or until retention has taken what is left; the next poll tells that as a gap. It never
 * fails: an error comes with the messages that were read before it.
 */
export function drainPartition(
  generation: Generation,
  plan: PartitionPlan,
  limits: DrainLimits,
): Promise<Drained> {
  const { partitionId, after, upTo } = plan;
  const { share, signal } = limits;
  return new Promise((resolve) => {
    const release = generation.hold();
    const messages: EncodedFeedMessage[] = [];
    const credit = creditFor(plan, limits);
    let creditLeft = credit;
    let bytes = 0;
    let receiver: PartitionReceiver | undefined;
    let done = false;

    const finish = (error?: unknown): void => {
      if (done) return;
      done = true;
      clearInterval(watchdog);
      signal.removeEventListener('abort', onLate);
      receiver?.close();
      release();
      resolve(error === undefined ? { partitionId, messages } : { partitionId, messages, error });
    };
    const onLate = (): void => {
      finish(signal.reason);
    };
    const take = (received: Message): void => {
      if (done) return;
      let message: EncodedFeedMessage;
      try {
        message = encodeFeedMessage(readFeedMessage(partitionId, received, limits.isGateway), limits.encode);
      } catch (error) {
        finish(error); // nothing may be thrown at rhea: it would end the connection for all
        return;
      }
      if (messages.length > 0 && bytes + bytesOf(message) > limits.bytes) {
        finish();
        return;
      }
      messages.push(message);
      bytes += bytesOf(message);
      creditLeft -= 1;
      if (messages.length >= share || message.sequenceNumber >= upTo) finish();
      else if (creditLeft <= credit / 2) creditLeft += more(credit - creditLeft);
    };
    /** Keeps messages under way while there are some left to read. */
    const more = (wanted: number): number => {
      const granted = Math.min(wanted, share - messages.length - creditLeft);
      if (granted > 0) receiver?.addCredit(granted);
      return Math.max(0, granted);
    };

    /** Retention tells nobody; a receiver that waits for what it took would wait in vain. */
    let seen = 0;
    const watchdog = setInterval(() => {
      if (messages.length > seen) {
        seen = messages.length;
        return;
      }
      generation.readPartitions([partitionId]).then(
        ([head]) => {
          if (head && (head.empty || head.firstSequenceNumber > upTo)) finish();
        },
        () => undefined, // the receiver hears of it too, or the time runs out
      );
    }, STALL_MS);

    if (signal.aborted) {
      finish(signal.reason);
      return;
    }
    signal.addEventListener('abort', onLate, { once: true });
    generation.receive(partitionId, { after, credit, onMessage: take, onEnd: finish }).then((opened) => {
      receiver = opened;
      if (done) receiver.close();
    }, finish);
  });
}

/** As many as the share, but no more of large messages than about twice what the answer can hold. */
function creditFor({ meanBytes }: PartitionPlan, { share, bytes }: DrainLimits): number {
  const fitting = meanBytes ? Math.max(MIN_CREDIT, Math.ceil((2 * bytes) / meanBytes)) : MAX_CREDIT;
  return Math.min(share, fitting, MAX_CREDIT);
}
