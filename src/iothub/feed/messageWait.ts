import type { Position } from './cursor';
import { feedProblem } from '../errors';
import type { EventHubClient } from '../eventHub/client';
import type { PartitionReceiver } from '../eventHub/generation';

/** One message is enough to end the wait. The poll that follows reads it. */
const CREDIT = 1;
/**
 * If all readers of a partition are in use, no reader is attached for this long, because polls that read need them
 * more.
 */
const NO_PLACE_MS = 5_000;

/** A partition that a poll waits for, and the poll's position in it. */
export interface WaitTarget {
  partitionId: string;
  position: Position;
}

/** Notifies waiting polls when a message arrives. While polls wait, it keeps a reader on each partition. */
export interface MessageWait {
  /**
   * @returns `available` as soon as one of the partitions has a message after its position; `disconnected` if this
   * cannot be detected (the connection ended, or all readers of the group are in use): check again later
   */
  waitForMessage: (
    partitions: readonly WaitTarget[],
    signal: AbortSignal,
  ) => Promise<'available' | 'disconnected' | 'timeout'>;
  /** Closes the reader on a partition, because a poll that wants to read was rejected for lack of readers. */
  releaseReader: (partitionId: string, refusal: unknown) => void;
}

interface Waiter {
  sequenceNumber: number;
  tell: (what: 'available' | 'disconnected') => void;
}

/** The reader on one partition, which all waiting polls share. */
interface PartitionWatcher {
  /** the position up to which it has seen all messages */
  seen: number;
  waiters: Set<Waiter>;
  end: () => void;
  /** ends the reader and notifies the waiting polls */
  lose: (error: unknown) => void;
}

export function createMessageWait(client: EventHubClient): MessageWait {
  const watchers = new Map<string, PartitionWatcher>();
  let noPlaceUntil = 0;

  function open({ partitionId, position }: WaitTarget): PartitionWatcher {
    const generation = client.current();
    const release = generation.hold();
    let receiver: PartitionReceiver | undefined;
    let over = false;
    const watcher: PartitionWatcher = {
      seen: position.sequenceNumber,
      waiters: new Set(),
      end: () => {
        if (over) return;
        over = true;
        if (watchers.get(partitionId) === watcher) watchers.delete(partitionId);
        receiver?.close();
        release();
      },
      lose: (error) => {
        if (feedProblem(error).code === 'hub_throttled') noPlaceUntil = Date.now() + NO_PLACE_MS;
        watcher.end();
        for (const { tell } of [...watcher.waiters]) tell('disconnected');
      },
    };
    watchers.set(partitionId, watcher);
    generation
      .receive(partitionId, {
        after: position,
        credit: CREDIT,
        onMessage: ({ message_annotations: annotations }) => {
          watcher.seen = Number((annotations as Record<string, unknown>)['x-opt-sequence-number']);
          notifyAvailable(watcher);
          receiver?.addCredit(CREDIT);
        },
        onEnd: watcher.lose,
      })
      .then((opened) => {
        receiver = opened;
        if (over) receiver.close();
      }, watcher.lose);
    return watcher;
  }

  function join(awaited: WaitTarget, tell: Waiter['tell']): () => void {
    const { sequenceNumber } = awaited.position;
    let watcher = watchers.get(awaited.partitionId);
    if (watcher && watcher.seen < sequenceNumber) {
      // A poll has read beyond this reader's position. For polls with an earlier position, messages are available.
      watcher.seen = sequenceNumber;
      notifyAvailable(watcher);
      watcher = undefined;
    }
    watcher ??= open(awaited);
    const { waiters, seen, end } = watcher;
    const waiter: Waiter = { sequenceNumber, tell };
    waiters.add(waiter);
    if (seen > sequenceNumber) tell('available');
    return () => {
      waiters.delete(waiter);
      if (waiters.size === 0) end();
    };
  }

  return {
    waitForMessage: (partitions, signal) =>
      new Promise((resolve) => {
        if (Date.now() < noPlaceUntil) {
          resolve('disconnected');
          return;
        }
        const wait: { over: boolean; leave: (() => void)[] } = { over: false, leave: [] };
        const tell = (what: 'available' | 'disconnected' | 'timeout'): void => {
          if (wait.over) return;
          wait.over = true;
          signal.removeEventListener('abort', late);
          for (const leave of wait.leave) leave();
          resolve(what);
        };
        const late = (): void => {
          tell('timeout');
        };
        signal.addEventListener('abort', late, { once: true });
        for (const awaited of partitions) {
          const leave = join(awaited, tell); // may notify immediately if messages are already known
          if (wait.over) leave();
          else wait.leave.push(leave);
        }
      }),
    releaseReader: (partitionId, refusal) => watchers.get(partitionId)?.lose(refusal),
  };
}

function notifyAvailable({ waiters, seen }: PartitionWatcher): void {
  for (const { sequenceNumber, tell } of [...waiters]) if (sequenceNumber < seen) tell('available');
}
