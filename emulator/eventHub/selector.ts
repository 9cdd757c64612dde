/** Converts the filter of a receiver (offset, sequence number or enqueued time) into its first sequence number. */

import type { AmqpCondition } from '../amqp';
import type { PartitionLog, PositionKind } from '../partitionLog';

const SELECTOR = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=|>)\s*'?([^']*)'?$/;

const KINDS: Record<string, { kind: PositionKind; name: string }> = {
  offset: { kind: 'offset', name: 'offset' },
  'sequence-number': { kind: 'sequenceNumber', name: 'sequence number' },
  'enqueued-time': { kind: 'enqueuedTime', name: 'enqueued time' },
};

/**
 * The sequence number at which a reader with this selector filter begins, or the error with which the service rejects
 * the filter. Without a filter, the reader begins at the end. The supported forms are those that Microsoft's Event
 * Hubs SDKs send.
 */
export function seek(log: PartitionLog, selector: string | undefined): number | AmqpCondition {
  const end = log.lastSequenceNumber + 1;
  if (selector === undefined) return end;
  const [, annotation = '', operator, value = ''] = SELECTOR.exec(selector) ?? [];
  const position = KINDS[annotation];
  if (!position) {
    return { condition: 'amqp:invalid-field', description: `The filter '${selector}' is not valid.` };
  }
  if (position.kind === 'offset' && value === '@latest') return end;
  const { kind, name } = position;
  const wanted = value === '' ? NaN : Number(value);
  if (!Number.isFinite(wanted)) {
    return {
      condition: 'com.microsoft:argument-error',
      description: `The supplied ${name} '${value}' is invalid.`,
    };
  }
  const last = kind === 'offset' ? log.lastOffset : log.lastSequenceNumber;
  if (kind !== 'enqueuedTime' && wanted > last) {
    return {
      condition: 'com.microsoft:argument-error',
      description: `The supplied ${name} '${value}' is invalid. The last ${name} in the system is '${last}'`,
    };
  }
  return log.seek(kind, wanted, operator === '>=');
}
