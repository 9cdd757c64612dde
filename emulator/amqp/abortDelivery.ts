import type { Connection, Sender } from 'rhea';
import { internalsOf } from './rheaInternals';

/** The last, empty part of an aborted delivery, recognized by object identity. */
const ABORT = Buffer.alloc(0);

/** Lets a connection abort deliveries, which rhea does not support. */
export function supportAbort(connection: Connection): void {
  const internals = internalsOf(connection);
  const write = internals._write_frame.bind(connection);
  internals._write_frame = (channel, frame, payload) => {
    if (payload === ABORT) Object.assign(frame, { aborted: true });
    write(channel, frame, payload);
  };
}

/** Begins a delivery with a part of a message, then aborts it (AMQP 1.0, 2.7.5, "aborted"). */
export function abortDelivery(link: Sender, begun: Buffer): void {
  const delivery = link.send(begun, undefined, 0) as unknown as { settled: boolean; data: Buffer[] };
  delivery.settled = true;
  delivery.data.push(ABORT);
}
