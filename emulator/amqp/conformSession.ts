import type { Session } from 'rhea';
import { sessionInternals, type Frame, type LinkInternals } from './rheaInternals';

/** As in the service, the links of a session have the numbers 0 to 255. */
export const HANDLE_MAX = 255;

/** The number that rhea gives to its first transfer and its first delivery. */
const INITIAL_COUNT = 0;

/** Larger than any request to `$cbs` or `$management`. The hub's limit for a message is 256 KB. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface SessionEvents {
  /** Called after each flow frame. rhea itself reports only flow frames that name a link. */
  readonly onFlow: () => void;
}

/**
 * Completes rhea's handling of a session that a client begins. Call it when the session opens, before rhea writes its
 * `begin`.
 */
export function conformSession(session: Session, { onFlow }: SessionEvents): void {
  const internals = sessionInternals(session);
  internals.local.begin.handle_max = HANDLE_MAX;
  internals.local.begin.properties = internals.remote.begin.properties;
  internals.outgoing.remote_next_transfer_id ??= INITIAL_COUNT;

  const attach = internals.on_attach.bind(session);
  internals.on_attach = (frame) => {
    const { name, role, handle } = frame.performative;
    if (Number(handle) > HANDLE_MAX) throw protocolError(`handle ${String(handle)} exceeds ${HANDLE_MAX}`);
    keepBothDirections(internals.links, String(name), role === true);
    attach(frame);
  };

  const flow = internals.on_flow.bind(session);
  internals.on_flow = (frame) => {
    supplyFlowDefaults(frame);
    flow(frame);
    onFlow();
    if (frame.performative.echo === true) process.nextTick(() => internals._write_flow());
  };

  const transfer = internals.on_transfer.bind(session);
  const received = new WeakMap<LinkInternals, number>();
  internals.on_transfer = (frame) => {
    const link = internals.remote.handles[Number(frame.performative.handle)];
    if (link && !link.state.local_open) {
      internals.incoming.next_transfer_id++; // the link is being detached, so its messages are dropped
      return;
    }
    if (link) {
      const soFar = link._incomplete ? (received.get(link) ?? 0) : 0;
      const bytes = soFar + (frame.payload?.length ?? 0);
      received.set(link, bytes);
      if (bytes > MAX_MESSAGE_BYTES) {
        internals.incoming.next_transfer_id++;
        (link as unknown as { close(error: object): void }).close({
          condition: 'amqp:link:message-size-exceeded',
          description: `The message exceeds ${MAX_MESSAGE_BYTES} bytes.`,
        });
        return;
      }
    }
    transfer(frame);
  };

  internals.remove_link = (link) => {
    for (const map of [internals.links, internals.local.handles, internals.remote.handles])
      removeFrom(map, link);
  };
}

/**
 * A sender and a receiver may have the same name (AMQP 1.0, 2.6.1). rhea keeps one link for each name, so the link of
 * the other direction gets another key.
 *
 * @param isReceiver whether the peer of the new link receives
 */
function keepBothDirections(links: Record<string, LinkInternals>, name: string, isReceiver: boolean): void {
  const existing = links[name];
  if (existing?.is_receiver() !== isReceiver) return;
  removeFrom(links, existing);
  links[`${name}\0${isReceiver ? 'receiver' : 'sender'}`] = existing;
}

/** A client omits these fields until it has received our begin or attach (AMQP 1.0, 2.7.4). */
function supplyFlowDefaults({ performative: flow }: Frame): void {
  flow.next_incoming_id ??= INITIAL_COUNT;
  if (flow.handle === undefined || flow.handle === null) return;
  flow.delivery_count ??= INITIAL_COUNT;
  flow.link_credit ??= 0;
}

function removeFrom(map: Record<string | number, LinkInternals>, link: LinkInternals): void {
  for (const [key, value] of Object.entries(map)) if (value === link) Reflect.deleteProperty(map, key);
}

const protocolError = (message: string) => Object.assign(new Error(message), { name: 'ProtocolError' });
