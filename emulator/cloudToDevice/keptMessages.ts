/** Cloud-to-device messages in the journal of the hub. */

import type { Change, Journal } from '../dataFolder';
import type { CloudMessage, QueuedMessage } from './cloudMessage';

/** A message without its lock, which does not survive a restart. */
type Unlocked = Omit<QueuedMessage, 'lockToken'>;

/** A message belongs to one generation of the device. Its body is base64. */
interface KeptMessage extends Omit<Unlocked, 'message'> {
  readonly deviceId: string;
  readonly generationId: string;
  readonly message: Omit<CloudMessage, 'body'> & { readonly body: string };
}

const KIND = 'message';
/** The sequence number of the last message, which may have left its queue. */
const SEQUENCE_KIND = 'messageSequence';
const LAST = 'last';

export const keyOf = ({ sequenceNumber }: Pick<Unlocked, 'sequenceNumber'>): string =>
  `${KIND}/${sequenceNumber}`;

export function keptMessage(deviceId: string, generationId: string, unlocked: Unlocked): Change {
  const { message, sequenceNumber, enqueuedTime, expiry, deliveryCount } = unlocked;
  const body = message.body.toString('base64');
  const kept: KeptMessage = {
    deviceId,
    generationId,
    message: { ...message, body },
    sequenceNumber,
    enqueuedTime,
    expiry,
    deliveryCount,
  };
  return [keyOf(unlocked), kept];
}

export const keptSequenceNumber = (last: number): Change => [`${SEQUENCE_KIND}/${LAST}`, last];

/** The messages of all devices, in the order in which they were sent. */
export function readKeptMessages(journal: Journal) {
  const kept = [...journal.read(KIND).values()] as KeptMessage[];
  return kept
    .sort((a, b) => a.sequenceNumber - b.sequenceNumber)
    .map(({ deviceId, generationId, ...entry }) => {
      const message: CloudMessage = { ...entry.message, body: Buffer.from(entry.message.body, 'base64') };
      return { deviceId, generationId, entry: { ...entry, message } };
    });
}

export const readLastSequenceNumber = (journal: Journal): number =>
  (journal.read(SEQUENCE_KIND).get(LAST) as number | undefined) ?? 0;
