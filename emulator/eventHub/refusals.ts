import type { AmqpCondition } from '../amqp';
import { isDevicePath } from '../deviceAmqp';
import type { HubIdentity } from '../hubIdentity';

/** The errors with which the service rejects links. The texts are those of the service. */

export const unauthorizedFor = (claim: 'Listen' | 'Send', path: string): AmqpCondition => ({
  condition: 'amqp:unauthorized-access',
  description: `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`,
});

export const notFound = (path: string): AmqpCondition => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${path}' could not be found.`,
});

/** For a connection to the host name of another server. */
export const refusalOfHost = (hostName: string): AmqpCondition => ({
  condition: 'amqp:not-found',
  description: `The emulator has no hub '${hostName}'. Allow other names of the emulator with --allowed-hosts.`,
});

export const invalidPartition = (partitions: number): AmqpCondition => ({
  condition: 'com.microsoft:argument-out-of-range',
  description:
    'The specified partition is invalid for an EventHub partition sender or receiver. ' +
    `It should be between 0 and ${partitions - 1}.`,
});

export const REDIRECT = 'amqp:link:redirect';

/** The port of AMQP over TLS in Azure. */
const AMQPS_PORT = 5671;

/**
 * The response to links at IoT Hub's own entities. The built-in endpoint redirects to the Event Hub-compatible
 * endpoint, as Microsoft's samples for a hub's connection string expect. Other entities are rejected.
 */
export function refusalOfHubEntity(path: string, { hostName, name }: HubIdentity): AmqpCondition | undefined {
  const events = /^messages\/events(?:\/(.*))?$/i.exec(path);
  if (events) {
    const rest = events[1] === undefined ? '' : `/${events[1]}`;
    return {
      condition: REDIRECT,
      description: 'Permanent redirect to the Event Hub-compatible endpoint.',
      info: {
        hostname: hostName,
        'network-host': hostName,
        port: AMQPS_PORT,
        address: `amqps://${hostName}:${AMQPS_PORT}/${name}${rest}`,
      },
    };
  }
  return isDevicePath(path) ? notFound(path) : undefined;
}

/**
 * Sending to the event hub needs a claim that an IoT hub does not grant, because only devices send. A target without an
 * address is a transaction coordinator.
 */
export const refusalOfSender = (path: string, identity: HubIdentity): AmqpCondition =>
  path === ''
    ? { condition: 'amqp:not-implemented', description: 'The emulator does not support transactions.' }
    : (refusalOfHubEntity(path, identity) ?? unauthorizedFor('Send', path));
