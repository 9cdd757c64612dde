import { EventEmitter } from 'node:events';
import {
  AuthenticationType,
  SharedAccessSignature,
  type TransportConfig,
  encodeUriComponentStrict,
} from 'azure-iot-common';

/** Lifetime of a device's SAS token. */
const TOKEN_LIFETIME_S = 3_600;
/** A token is renewed this long before its expiry, which also tolerates clock differences. */
const RENEWAL_MARGIN_S = 900;

/**
 * An authentication provider for a symmetric key, created from separate values. A connection string assembled from
 * caller input could name another host. Unlike the SDK's own provider, it renews a token on demand and keeps no
 * timer, so that dropping a client leaves nothing behind.
 */
export class SharedAccessKeyAuthentication extends EventEmitter {
  readonly type = AuthenticationType.Token;
  #token: { signature: string; expiresAt: number } | undefined;

  constructor(
    private readonly host: string,
    private readonly deviceId: string,
    private readonly deviceKey: string,
  ) {
    super();
  }

  getDeviceCredentials(callback: (error: Error | null, credentials: TransportConfig) => void): void;
  getDeviceCredentials(): Promise<TransportConfig>;
  getDeviceCredentials(
    callback?: (error: Error | null, credentials: TransportConfig) => void,
  ): Promise<TransportConfig> | undefined {
    const { host, deviceId } = this;
    const credentials = { host, deviceId, sharedAccessSignature: this.#signature() };
    if (!callback) return Promise.resolve(credentials);
    callback(null, credentials);
    return undefined;
  }

  /** The SDK's transport calls it when a client is closed. */
  stop(): void {
    this.#token = undefined;
  }

  #signature(): string {
    const now = Math.floor(Date.now() / 1_000);
    if (!this.#token || this.#token.expiresAt - now < RENEWAL_MARGIN_S) {
      const expiresAt = now + TOKEN_LIFETIME_S;
      const resource = encodeUriComponentStrict(`${this.host}/devices/${this.deviceId}`);
      const signature = SharedAccessSignature.create(resource, '', this.deviceKey, expiresAt);
      this.#token = { signature: signature.toString(), expiresAt };
    }
    return this.#token.signature;
  }
}
