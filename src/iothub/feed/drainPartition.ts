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

/**
 * Number of messages that are requested at a time. It limits how many are sent unnecessarily if the response is full
 * before the share ends.
 */
const MAX_CREDIT = 5_000;
const MIN_CREDIT = 16;
/** After this time without a message, the partition is asked whether the planned messages still exist. */
const STALL_MS = 1_000;

/** The messages that were read from one partition, in order. */
export interface Drained {
  partitionId: string;
  messages: EncodedFeedMessage[];
  /** the reason if reading ended before the whole share was read */
  error?: unknown;
}

export interface DrainLimits {
  /** maximum number of messages, at least 1 */
  share: number;
  /** maximum size in bytes; the first message may be larger */
  bytes: number;
  encode: EncodeMessage;
  /** whether visitors send through this device */
  isGateway: (deviceId: string) => boolean;
  /** ends reading, but keeps the messages that were read */
  signal: AbortSignal;
}

/**
 * Reads up to `share` messages of one partition with a new receiver. It stops earlier at the end of the snapshot, at
 * `bytes`, or if retention removed the remaining messages, which the next poll reports as a gap. The promise never
 * rejects: an error is returned together with the messages that were read before it.
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
        finish(error); // an error must not reach rhea, which would end the connection for all readers
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
    /** Grants new credit before the old credit is used up, up to the share. */
    const more = (wanted: number): number => {
      const granted = Math.min(wanted, share - messages.length - creditLeft);
      if (granted > 0) receiver?.addCredit(granted);
      return Math.max(0, granted);
    };

    /** Retention does not notify receivers, so a receiver could wait for messages that no longer exist. */
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
        () => undefined, // the receiver gets this error too, or reaches its time limit
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

/** The initial credit: the share, limited to about twice the number of messages that fit into the response. */
function creditFor({ meanBytes }: PartitionPlan, { share, bytes }: DrainLimits): number {
  const fitting = meanBytes ? Math.max(MIN_CREDIT, Math.ceil((2 * bytes) / meanBytes)) : MAX_CREDIT;
  return Math.min(share, fitting, MAX_CREDIT);
}
