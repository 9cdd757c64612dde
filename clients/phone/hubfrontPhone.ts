/**
 * A phone that registers once through Hubfront and then sends straight to IoT Hub over HTTPS. One file without
 * dependencies, on WebCrypto and fetch: Capacitor, Node, and React Native with a WebCrypto polyfill (such as
 * react-native-quick-crypto).
 */

/** What a phone keeps, in its keychain. */
export interface Device {
  /** `<hub>.azure-devices.net` */
  hostName: string;
  deviceId: string;
  /** base64 */
  deviceKey: string;
}

/** An answer other than success, of Hubfront or of the hub. */
export class HubError extends Error {
  override readonly name = 'HubError';
  constructor(
    readonly status: number,
    /** Whether sending the same again may succeed: throttling, quota, or a hub that fails. */
    readonly retryable: boolean,
    /** seconds; what the hub asks for, where it does */
    readonly retryAfter: number | undefined,
  ) {
    super(`answered ${String(status)}`);
  }
}

const TOKEN_LIFETIME_S = 3600;
const TOKEN_MARGIN_S = 300;
const TIMEOUT_MS = 30_000;

/** A key to propose: keep it before you register, so that a registration whose answer is lost can be repeated. */
export function newDeviceKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * Registers the device, or finds it registered with this key.
 *
 * @param endpoint `https://<app>/api`
 * @throws {@link HubError} status 409 when the id is another's
 */
export async function registerDevice(
  endpoint: string,
  functionKey: string,
  { deviceId, deviceKey }: Omit<Device, 'hostName'>,
): Promise<Device> {
  const answer = await post(
    `${endpoint}/devices`,
    { 'Content-Type': 'application/json', 'X-Functions-Key': functionKey },
    JSON.stringify({ deviceId, deviceKey }),
  );
  const { hostName } = (await answer.json()) as { hostName: string };
  return { hostName, deviceId, deviceKey };
}

/**
 * A shared access signature that opens the device's own endpoints and nothing else.
 *
 * @param expiresAt Unix time, seconds
 * @see https://learn.microsoft.com/azure/iot-hub/iot-hub-dev-guide-sas
 */
export async function createSasToken(device: Device, expiresAt: number): Promise<string> {
  const resource = encode(`${device.hostName}/devices/${device.deviceId}`);
  const secret = Uint8Array.from(atob(device.deviceKey), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ]);
  const text = new TextEncoder().encode(`${resource}\n${String(expiresAt)}`);
  const signature = base64(new Uint8Array(await crypto.subtle.sign('HMAC', key, text)));
  return `SharedAccessSignature sr=${resource}&sig=${encode(signature)}&se=${String(expiresAt)}`;
}

/** Sends as one device; keeps its token and renews it in time. */
export function createPhone(device: Device, hubUrl = `https://${device.hostName}`) {
  let token = { text: '', expiresAt: 0 };

  const currentToken = async (): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    if (token.expiresAt - TOKEN_MARGIN_S < now) {
      const expiresAt = now + TOKEN_LIFETIME_S;
      token = { text: await createSasToken(device, expiresAt), expiresAt };
    }
    return token.text;
  };

  return {
    /**
     * Resolves when the hub has stored the message.
     *
     * @param messageId the same when the message is sent again, so that the repeat can be told
     * @throws {@link HubError} 401 for a wrong key, a disabled device, or a clock that is an hour behind
     */
    async send(
      deviceMessage: unknown,
      messageId: string,
      properties: Record<string, string> = {},
    ): Promise<void> {
      const appProperties = Object.entries(properties).map(([name, value]) => [`iothub-app-${name}`, value]);
      await post(
        `${hubUrl}/devices/${encodeURIComponent(device.deviceId)}/messages/events?api-version=2021-04-12`,
        {
          Authorization: await currentToken(),
          'IoTHub-MessageId': messageId,
          'iothub-contenttype': 'application/json',
          'iothub-contentencoding': 'utf-8',
          ...(Object.fromEntries(appProperties) as Record<string, string>),
        },
        JSON.stringify({ deviceId: device.deviceId, Data: deviceMessage }),
      );
    },
  };
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<Response> {
  const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.ok) return answer;
  const { status } = answer;
  const retryAfter = Number(answer.headers.get('Retry-After') ?? Number.NaN);
  // 403 is a used-up quota: it is given back at midnight, UTC.
  const retryable = status === 403 || status === 408 || status === 429 || status >= 500;
  throw new HubError(status, retryable, Number.isFinite(retryAfter) ? retryAfter : undefined);
}

/** encodeURIComponent leaves !'()* as they are; the hub's own SDKs encode them. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
