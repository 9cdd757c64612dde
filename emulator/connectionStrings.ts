import type { HubIdentity } from './hubIdentity';
import { POLICIES, type PolicyName } from './wellKnown';

/** The connection strings that Microsoft's SDKs take, for this emulator. */
export interface ConnectionStrings {
  /** For azure-iothub. */
  hub(policy: PolicyName): string;
  /** For azure-iot-device. `key`: base64, the device's primary or secondary key. */
  device(deviceId: string, key: string): string;
  /** For @azure/event-hubs; `service` and `iothubowner` may listen. */
  eventHub(policy: PolicyName): string;
  /** The same over TLS, at the hub's own name: through the proxy, or with the client's own option for an endpoint. */
  eventHubOverTls(policy: PolicyName): string;
}

export function connectionStrings({ hostName, name }: HubIdentity, amqpPort: number): ConnectionStrings {
  const credentials = (policy: PolicyName) =>
    `SharedAccessKeyName=${policy};SharedAccessKey=${POLICIES[policy].key}`;
  return {
    hub: (policy) => `HostName=${hostName};${credentials(policy)}`,
    device: (deviceId, key) => `HostName=${hostName};DeviceId=${deviceId};SharedAccessKey=${key}`,
    // UseDevelopmentEmulator: plain TCP, to the port named here.
    eventHub: (policy) =>
      `Endpoint=sb://127.0.0.1:${amqpPort};${credentials(policy)};EntityPath=${name};UseDevelopmentEmulator=true`,
    eventHubOverTls: (policy) => `Endpoint=sb://${hostName}/;${credentials(policy)};EntityPath=${name}`,
  };
}
