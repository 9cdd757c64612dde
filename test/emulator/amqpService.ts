import { createRequire } from 'node:module';
import type * as IotHub from 'azure-iothub';
import type { Emulator } from '../../emulator/index';
import { startHub, type TestHub } from './hub';

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

/** A hub, and Microsoft's service client connected to it. Closing the hub closes both. */
export async function startHubWithService(): Promise<{ hub: TestHub; service: IotHub.Client }> {
  const hub = await startHub({ amqpsPort: 0 });
  const service = await openService(hub.emulator);
  const close = async () => {
    await service.close();
    await hub.close();
  };
  return { hub: { ...hub, close }, service };
}
