import type { Hub } from '../hub';
import type { ClientRegistry } from '../registry';

/** A device's subscriptions, filter by filter, with their QoS. */
export type Subscriptions = Map<string, 0 | 1>;

/** The sessions of devices and modules that connect with CleanSession 0: they outlive a connection. */
export interface Sessions {
  /** A client's session. With `clean`, it is a new one that ends with the connection. */
  open(
    clientId: string,
    clean: boolean,
  ): { readonly subscriptions: Subscriptions; readonly isPresent: boolean };
}

/** A hub with the sessions of its devices. */
export interface ServedHub {
  readonly hub: Hub;
  readonly sessions: Sessions;
}

export function createSessions(clients: ClientRegistry): Sessions {
  const kept = new Map<string, Subscriptions>();
  clients.onChange((clientId) => {
    if (!clients.find(clientId)) kept.delete(clientId);
  });
  return {
    open(clientId, clean) {
      const previous = clean ? undefined : kept.get(clientId);
      const subscriptions: Subscriptions = previous ?? new Map<string, 0 | 1>();
      if (clean) kept.delete(clientId);
      else kept.set(clientId, subscriptions);
      return { subscriptions, isPresent: previous !== undefined };
    },
  };
}
