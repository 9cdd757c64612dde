import { EVENT_HUB_NAME, HUB_HOST_NAME, POLICIES, type PolicyName } from './wellKnown';

/** The connection strings that Microsoft's SDKs take, for this emulator. */
export interface ConnectionStrings {
  /** For azure-iothub. */
  hub(policy: PolicyName): string;
  /** For azure-iot-device. `key`: base64, the device's primary or secondary key. */
  device(deviceId: string, key: string): string;
  /** For @azure/event-hubs; `service` and `iothubowner` may listen. */
  eventHub(policy: PolicyName): string;
}

export function connectionStrings(amqpPort: number): ConnectionStrings {
  return {
    hub: (policy) =>
      `HostName=${HUB_HOST_NAME};SharedAccessKeyName=${policy};SharedAccessKey=${POLICIES[policy].key}`,
    device: (deviceId, key) => `HostName=${HUB_HOST_NAME};DeviceId=${deviceId};SharedAccessKey=${key}`,
    // UseDevelopmentEmulator: plain TCP, to the port named here.
    eventHub: (policy) =>
      `Endpoint=sb://127.0.0.1:${amqpPort};SharedAccessKeyName=${policy};` +
      `SharedAccessKey=${POLICIES[policy].key};EntityPath=${EVENT_HUB_NAME};UseDevelopmentEmulator=true`,
  };
}
