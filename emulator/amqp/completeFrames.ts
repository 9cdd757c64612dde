import type { Connection } from 'rhea';
import { internalsOf, type Composite } from './rheaInternals';

/**
 * Number of fields of each frame body and terminus, by the descriptor's code (AMQP 1.0, 2.7 and 3.5). Microsoft's
 * library writes all of them, absent ones as null, where rhea leaves out those at the end. Microsoft's client for Python
 * reads them by index without looking at the length of the list.
 */
const FIELD_COUNT: Readonly<Record<number, number>> = {
  0x10: 10, // open
  0x11: 8, // begin
  0x12: 14, // attach
  0x13: 11, // flow
  0x14: 11, // transfer
  0x15: 6, // disposition
  0x16: 3, // detach
  0x17: 1, // end
  0x18: 1, // close
  0x28: 11, // source
  0x29: 7, // target
};

/** Makes a connection write every frame with all its fields. */
export function completeFrames(connection: Connection): void {
  const internals = internalsOf(connection);
  const write = internals._write_frame.bind(connection);
  internals._write_frame = (channel, frame, payload) => {
    // A heartbeat has no frame body.
    if ((frame as Composite | undefined) !== undefined) complete(frame);
    write(channel, frame, payload);
  };
}

/** Appends the fields that are absent at the end, as null. */
export function complete<Fields extends Composite>(composite: Fields): Fields {
  const { value } = composite;
  const count = FIELD_COUNT[composite.constructor.descriptor.numeric] ?? 0;
  while (value.length < count) value.push(undefined);
  return composite;
}
