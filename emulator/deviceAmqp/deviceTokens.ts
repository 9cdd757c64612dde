import { callAt } from '../callAt';
import { authenticateDevice, type DeviceLogin } from '../deviceAuthentication';
import type { Hub } from '../hub';
import { IotHubError } from '../iotHubError';
import { clientPath } from '../registry';
import type { Transport } from '../transport';

/** Limits memory. Microsoft's SDK for .NET puts at most 995 devices on a connection; the hub's limit is not published. */
const MAX_TOKENS = 1_000;

/** The tokens with which a connection acts for devices and modules: by `$cbs` for several devices, or by SASL PLAIN for one. */
export interface DeviceTokens {
  /**
   * Keeps a token. A later token for the same audience replaces an earlier one.
   *
   * @param path the path of the audience: that of the client, or empty for a token of a policy
   * @param acceptedUntil Unix time in seconds
   * @throws IotHubError for too many tokens
   */
  put(path: string, token: string, acceptedUntil: number): void;
  /**
   * Authenticates a client by the connection's tokens or its certificate.
   *
   * @param clockSkewSeconds by how much a fault has moved the hub's clock
   * @throws IotHubError 401, 404
   */
  logIn(clientId: string, clockSkewSeconds?: number): DeviceLogin;
  clear(): void;
}

/**
 * @param certificate the client's certificate
 * @param onExpired called when a token has expired
 */
export function createDeviceTokens(
  hub: Hub,
  certificate: Transport['clientCertificate'],
  onExpired: () => void,
): DeviceTokens {
  const tokens = new Map<string, { readonly token: string; readonly cancelExpiry: () => void }>();

  return {
    put(path, token, acceptedUntil) {
      const replaced = tokens.get(path);
      if (!replaced && tokens.size >= MAX_TOKENS) {
        throw new IotHubError('ArgumentInvalid', `A connection acts for at most ${MAX_TOKENS} devices.`);
      }
      replaced?.cancelExpiry();
      const cancelExpiry = callAt(acceptedUntil * 1_000, () => {
        tokens.delete(path);
        onExpired();
      });
      tokens.set(path, { token, cancelExpiry });
    },
    logIn(clientId, clockSkewSeconds = 0) {
      const path = clientPath(clientId);
      return authenticateDevice(hub, clientId, {
        token: (tokens.get(path) ?? tokens.get('devices') ?? tokens.get(''))?.token,
        resource: `${hub.identity.hostName}/${path}`,
        certificate,
        clockSkewSeconds,
      });
    },
    clear() {
      for (const { cancelExpiry } of tokens.values()) cancelExpiry();
      tokens.clear();
    },
  };
}
