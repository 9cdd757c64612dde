import type { Hub } from '../hub';
import type { DeviceRegistry } from '../registry';

/** A device's subscriptions, filter by filter, with their QoS. */
export type Subscriptions = Map<string, 0 | 1>;

/** The sessions of devices that connect with CleanSession 0: they outlive a connection. */
export interface Sessions {
  /** A device's session. With `clean`, it is a new one that ends with the connection. */
  open(
    deviceId: string,
    clean: boolean,
  ): { readonly subscriptions: Subscriptions; readonly isPresent: boolean };
}

/** A hub with the sessions of its devices. */
export interface ServedHub {
  readonly hub: Hub;
  readonly sessions: Sessions;
}

export function createSessions(registry: DeviceRegistry): Sessions {
  const kept = new Map<string, Subscriptions>();
  registry.onChange((deviceId, device) => {
    if (!device) kept.delete(deviceId);
  });
  return {
    open(deviceId, clean) {
      const previous = clean ? undefined : kept.get(deviceId);
      const subscriptions: Subscriptions = previous ?? new Map<string, 0 | 1>();
      if (clean) kept.delete(deviceId);
      else kept.set(deviceId, subscriptions);
      return { subscriptions, isPresent: previous !== undefined };
    },
  };
}
