import { complete } from './completeFrames';
import { linkInternals, type Composite } from './rheaInternals';

/** AMQP's largest ulong: Microsoft's library announces no lower limit. */
const NO_SIZE_LIMIT = Buffer.alloc(8, 0xff);

/** Indexes of an attach's fields (AMQP 1.0, 2.7.3). */
const SND_SETTLE_MODE = 3;
const RCV_SETTLE_MODE = 4;
const SOURCE = 5;
const TARGET = 6;
const DESIRED_CAPABILITIES = 12;
const PROPERTIES = 13;
const ECHOED = [SND_SETTLE_MODE, RCV_SETTLE_MODE, DESIRED_CAPABILITIES, PROPERTIES];

/** AMQP's snd-settle-mode 0: everything is sent unsettled. */
const UNSETTLED = 0;

/**
 * Prepares the attach frame that responds to a client's attach, as Microsoft's library does. Settle modes,
 * capabilities and properties are copied from the client's frame, in its own encoding. The attach of a rejected link
 * has neither source nor target, so that the client expects a detach (AMQP 1.0, 2.6.3).
 */
export function answerAttach(link: unknown, { isAccepted }: { readonly isAccepted: boolean }): void {
  const { local, remote } = linkInternals(link);
  const { value } = local.attach;
  const asked = remote.attach.value;
  local.attach.max_message_size = NO_SIZE_LIMIT;
  for (const field of ECHOED) value[field] = asked[field];
  for (const field of [SOURCE, TARGET]) value[field] = isAccepted ? terminus(asked[field]) : undefined;
}

/** rhea has parsed the value into its own type. It writes the described list that this function returns. */
function terminus(read: unknown): unknown {
  return isTerminus(read) ? complete(read).described() : undefined;
}

const isTerminus = (value: unknown): value is Composite & { described(): unknown } =>
  typeof value === 'object' && value !== null && 'described' in value;

/** Whether messages on this link are sent settled. They are, unless the client requires to settle them itself. */
export const sendsSettled = (link: unknown): boolean =>
  linkInternals(link).remote.attach.snd_settle_mode !== UNSETTLED;
