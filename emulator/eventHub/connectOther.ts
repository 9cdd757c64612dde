/** Tells the clients of another service, on the same port, from those of a hub. */

import type { AmqpCondition, ClientLinks } from '../amqp';
import type { Transport } from '../transport';
import { isProvisioningHost } from '../wellKnown';
import type { PlainLogin } from './plainLogin';

export interface OpenedConnection {
  readonly transport: Transport;
  /** The hosts that the client named, in lower case. */
  readonly hostNames: readonly (string | undefined)[];
  /** Of a device that wants to be provisioned. */
  readonly login: PlainLogin | undefined;
}

/**
 * Serves a client of another service than a hub. Returns what attaches its links, or the error that closes the
 * connection; undefined if the client connects to a hub.
 */
export type ConnectOther = (opened: OpenedConnection) => ClientLinks | AmqpCondition | undefined;

/** Whether the client connects to the Device Provisioning Service: by its user name, or by a host name. */
export const isRegistration = ({ hostNames, login }: OpenedConnection): boolean =>
  login !== undefined || namesProvisioning(hostNames);

export const namesProvisioning = (hostNames: OpenedConnection['hostNames']): boolean =>
  hostNames.some((name) => name !== undefined && isProvisioningHost(name));

/** For an emulator without the Device Provisioning Service. */
export const rejectRegistrations: ConnectOther = (opened) =>
  isRegistration(opened)
    ? {
        condition: 'amqp:not-implemented',
        description: 'The Device Provisioning Service is off. Start the emulator with --provisioning.',
      }
    : undefined;
