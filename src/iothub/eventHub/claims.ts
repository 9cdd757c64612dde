import type { EventHubConnection } from '../../settings';
import type { AmqpConnection } from './connection';
import { createRequestNode } from './requestNode';
import { entitySasToken } from './entitySasToken';

/** Lifetime of a SAS token, as in Microsoft's SDK. */
const TOKEN_LIFETIME_S = 3_600;
/**
 * A claim that expires within this time is renewed when it is next needed. This is long enough, because no link of a
 * poll lives that long, and the analytics job renews its claims more often.
 */
const RENEWAL_MARGIN_S = 600;

/** The claims of one connection, by claims-based security (`$cbs`). */
export interface Claims {
  /**
   * Claims access to an entity, unless the connection already has it. A claim costs a round trip, so it is kept.
   *
   * @param path `<event hub>/ConsumerGroups/<group>/Partitions/<id>` or `<event hub>/$management`
   * @throws {AmqpError}
   */
  ensure: (path: string) => Promise<void>;
  /**
   * Like `ensure`.
   *
   * @returns the token for the entity, for requests that carry it themselves
   */
  tokenFor: (path: string) => Promise<string>;
}

export function createClaims(connection: AmqpConnection, settings: EventHubConnection): Claims {
  const cbs = createRequestNode(connection, '$cbs');
  const claimed = new Map<string, { until: number; token: string; granted: Promise<void> }>();
  const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
  const resourceOf = (path: string): string => `sb://${settings.host}/${path}`;

  const claim = (path: string) => {
    const known = claimed.get(path);
    if (known && known.until - nowSeconds() > RENEWAL_MARGIN_S) return known;
    const token = entitySasToken(resourceOf(path), settings.policy, nowSeconds() + TOKEN_LIFETIME_S);
    const granted = cbs
      .request(
        { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: resourceOf(path) },
        token,
      )
      .then(() => undefined);
    const made = { until: nowSeconds() + TOKEN_LIFETIME_S, token, granted };
    claimed.set(path, made);
    granted.catch(() => claimed.delete(path));
    return made;
  };

  return {
    ensure: (path) => claim(path).granted,
    tokenFor: async (path) => {
      const { token, granted } = claim(path);
      await granted;
      return token;
    },
  };
}
