import { randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import type { Emulator } from '../../../emulator/index';
import { startHub, type TestHub } from '../hub';

const require = createRequire(import.meta.url);
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

/** A module that a transport of Microsoft's SDK uses itself: the SDK has no option for a CA or an address. */
const partOf = (transport: string, name: string) => createRequire(require.resolve(transport))(name);

export const TRANSPORTS = ['Http', 'Mqtt', 'MqttWs', 'Amqp', 'AmqpWs'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Leads the SDKs, which always use port 443, to the emulator. */
const agentFor = ({ hubPort, ca }: Emulator) => new Agent({ host: '127.0.0.1', port: hubPort, ca });

function transport(emulator: Emulator, name: TransportName): { readonly transport: object; host: string } {
  const { globalHostName = '' } = emulator.provisioning ?? {};
  if (name === 'Http') {
    const { Http } = require('azure-iot-provisioning-device-http');
    const base = new (partOf('azure-iot-provisioning-device-http', 'azure-iot-http-base').Http)();
    base.setOptions({ http: { agent: agentFor(emulator) } });
    return { transport: new Http(base), host: globalHostName };
  }
  if (name === 'Amqp' || name === 'AmqpWs') {
    const { Amqp, AmqpWs } = require('azure-iot-provisioning-device-amqp');
    const own = name === 'Amqp' ? new Amqp() : new AmqpWs();
    own.setAuthentication({ ca: emulator.ca });
    own.setTransportOptions({ webSocketAgent: agentFor(emulator) });
    return { transport: own, host: name === 'Amqp' ? `localhost:${emulator.amqpsPort}` : globalHostName };
  }
  const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
  const base = new (partOf('azure-iot-provisioning-device-mqtt', 'azure-iot-mqtt-base').MqttBase)();
  base.setOptions({ ca: emulator.ca, mqtt: { webSocketAgent: agentFor(emulator) } });
  return name === 'Mqtt'
    ? { transport: new Mqtt(base), host: `localhost:${emulator.mqttPort}` }
    : { transport: new MqttWs(base), host: globalHostName };
}

/** Registers a device with Microsoft's client. Resolves with the registration state. */
export function register(
  emulator: Emulator,
  name: TransportName,
  registrationId: string,
  key: string,
  { idScope = emulator.provisioning?.idScope ?? '', payload = undefined as object | undefined } = {},
): Promise<any> {
  const { transport: own, host } = transport(emulator, name);
  const client = ProvisioningDeviceClient.create(
    host,
    idScope,
    own,
    new SymmetricKeySecurityClient(registrationId, key),
  );
  if (payload) client.setProvisioningPayload(payload);
  return client.register();
}

/** Microsoft's client for services. */
export function serviceClient(
  emulator: Emulator,
  connectionString = emulator.provisioning?.connectionString,
) {
  const client = ProvisioningServiceClient.fromConnectionString(connectionString);
  // As `azure-iothub` does with its option `http.agent`, which this client lacks.
  client._restApiClient.setOptions({ http: { agent: agentFor(emulator) } });
  return client;
}

/** Two hubs with the service, and Microsoft's client for services. */
export async function startProvisioning(): Promise<{ readonly hub: TestHub; readonly service: any }> {
  const hub = await startHub({ hub: ['hubfront', 'store'], provisioning: true, amqpsPort: 0 });
  return { hub, service: serviceClient(hub.emulator) };
}

export const newKey = (): string => randomBytes(32).toString('base64');
