import type { HubIdentity } from './hubIdentity';
import type { PolicyName } from './wellKnown';

/** Connection strings for this emulator, as Microsoft's SDKs accept them. */
export interface ConnectionStrings {
  /** For azure-iothub. */
  hub(policy: PolicyName): string;
  /** For azure-iot-device. `key`: base64, the device's primary or secondary key. */
  device(deviceId: string, key: string): string;
  /** For @azure/event-hubs; `service` and `iothubowner` may listen. */
  eventHub(policy: PolicyName): string;
  /**
   * The same over TLS, with the hub's own name. It needs the proxy, or a client with an option for a custom endpoint.
   */
  eventHubOverTls(policy: PolicyName): string;
}

/** @param amqpHost address and port of AMQP over plain TCP */
export function connectionStrings(
  { hostName, name, policies }: HubIdentity,
  amqpHost: string,
): ConnectionStrings {
  const credentials = (policy: PolicyName) =>
    `SharedAccessKeyName=${policy};SharedAccessKey=${policies[policy].key}`;
  return {
    hub: (policy) => `HostName=${hostName};${credentials(policy)}`,
    device: (deviceId, key) => `HostName=${hostName};DeviceId=${deviceId};SharedAccessKey=${key}`,
    // UseDevelopmentEmulator: plain TCP, to the port in this string.
    eventHub: (policy) =>
      `Endpoint=sb://${amqpHost};${credentials(policy)};EntityPath=${name};UseDevelopmentEmulator=true`,
    eventHubOverTls: (policy) => `Endpoint=sb://${hostName}/;${credentials(policy)};EntityPath=${name}`,
  };
}
