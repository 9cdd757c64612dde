import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import type { Emulator } from '../../emulator/index';

const require = createRequire(import.meta.url);
const { Client } = require('azure-iothub') as typeof IotHub;
const { Amqp } = require('azure-iothub/dist/amqp');

/** Microsoft's service client, connected over AMQP. The emulator needs an AMQPS port. */
export async function openService(
  emulator: Pick<Emulator, 'amqpsPort' | 'connectionStrings'>,
): Promise<IotHub.Client> {
  class AmqpToEmulator extends Amqp {
    _getConnectionUri() {
      return `amqps://localhost:${emulator.amqpsPort}`;
    }
  }
  const service = Client.fromConnectionString(
    emulator.connectionStrings.hub('service'),
    AmqpToEmulator as never,
  );
  // The SDK has no option for a certificate authority.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    await service.open();
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  }
  return service;
}
