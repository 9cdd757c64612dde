import { types, type Connection } from 'rhea';
import { internalsOf, type Composite } from './rheaInternals';

/**
 * Number of fields of each frame body and terminus, by the descriptor's code (AMQP 1.0, 2.7 and 3.5). Microsoft's
 * library writes all fields, absent ones as null. rhea omits absent fields at the end. Microsoft's client for Python
 * reads fields by index without checking the length of the list.
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
  0x1d: 3, // error
  0x28: 11, // source
  0x29: 7, // target
  0x44: 2, // sasl-outcome
};

/** detach, end and close */
const WITH_ERROR = [0x16, 0x17, 0x18];

/** Makes a connection write all fields of every frame. */
export function completeFrames(connection: Connection): void {
  const internals = internalsOf(connection);
  const write = internals._write_frame.bind(connection);
  internals._write_frame = (channel, frame, payload) => {
    // A heartbeat has no frame body.
    if ((frame as Composite | undefined) !== undefined) complete(frame);
    write(channel, frame, payload);
  };
}

/** Appends absent fields at the end as null, also to an error that is one of the fields. */
export function complete<Fields extends Composite>(composite: Fields): Fields {
  const code = composite.constructor.descriptor.numeric;
  composite.value = completed(composite.value, code);
  if (!WITH_ERROR.includes(code)) return composite;
  for (const field of composite.value) {
    if (isDescribedList(field)) field.value = completed(field.value, field.descriptor.value);
  }
  return composite;
}

/** A new list, because rhea uses one shared array for all empty lists that it reads. */
function completed(list: readonly unknown[], code: number): unknown[] {
  const count = FIELD_COUNT[code] ?? 0;
  return [...list, ...Array.from({ length: Math.max(0, count - list.length) }, () => types.wrap(null))];
}

/** rhea's form of an encoded composite value. */
interface DescribedList {
  readonly descriptor: { readonly value: number };
  value: unknown[];
}

const isDescribedList = (field: unknown): field is DescribedList =>
  typeof field === 'object' &&
  field !== null &&
  'descriptor' in field &&
  'value' in field &&
  Array.isArray(field.value);
