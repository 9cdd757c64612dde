import type { AmqpCondition } from '../amqp';

/** The errors with which the service refuses links; the texts are the service's. */

export const unauthorizedFor = (claim: 'Listen' | 'Send', path: string): AmqpCondition => ({
  condition: 'amqp:unauthorized-access',
  description: `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`,
});

export const notFound = (path: string): AmqpCondition => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${path}' could not be found.`,
});

export const invalidPartition = (partitions: number): AmqpCondition => ({
  condition: 'com.microsoft:argument-out-of-range',
  description:
    'The specified partition is invalid for an EventHub partition sender or receiver. ' +
    `It should be between 0 and ${partitions - 1}.`,
});

/**
 * A client that sends to the event hub needs a claim that an IoT hub does not give: only devices send. A transaction
 * coordinator has no address at all.
 */
export const refusalOfSender = (path: string): AmqpCondition =>
  path === ''
    ? { condition: 'amqp:not-implemented', description: 'The emulator has no transactions.' }
    : unauthorizedFor('Send', path);
