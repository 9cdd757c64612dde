import { request } from 'node:https';
import { PROVISIONING, type Emulator } from '../../../emulator/index';
import { sasToken } from '../hub';

export const VERSION = 'api-version=2021-10-01';

export interface Sent {
  readonly token?: string;
  /** Default: the name that devices use. */
  readonly host?: string;
  readonly body?: string | object;
  readonly ifMatch?: string;
  /** With which the client authenticates its TLS connection. PEM. */
  readonly certificate?: { readonly key: string; readonly cert: string };
}

/** A request to the service as it is. Resolves with the status and the JSON of the response. */
export function sendTo(
  { hubPort: port, ca }: Emulator,
  method: string,
  path: string,
  { token, host = PROVISIONING.globalHostName, body, ifMatch, certificate }: Sent = {},
): Promise<{ status: number; json: any }> {
  return new Promise((resolve, reject) => {
    const headers = {
      host,
      ...(token !== undefined && { authorization: token }),
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    };
    const outgoing = request(
      { method, path, headers, host: '127.0.0.1', port, ca, agent: false, ...certificate },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data: string) => (text += data));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'object' ? JSON.stringify(body) : body);
  });
}

/** A request of a service with the token of its policy. */
export const asService = (emulator: Emulator, method: string, path: string, body?: object) =>
  sendTo(emulator, method, `${path}?${VERSION}`, {
    host: PROVISIONING.hostName,
    token: sasToken(PROVISIONING.hostName, PROVISIONING.key, { policy: PROVISIONING.policy }),
    ...(body && { body }),
  });

/** Asks for a registration, with the device's key. */
export const register = (emulator: Emulator, registrationId: string, key: string, body?: object) =>
  sendTo(
    emulator,
    'PUT',
    `/${PROVISIONING.idScope}/registrations/${encodeURIComponent(registrationId)}/register?${VERSION}`,
    {
      token: sasToken(`${PROVISIONING.idScope}/registrations/${registrationId}`, key),
      ...(body && { body }),
    },
  );

export const testKey = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

/** With the keys 1 and 2. */
export const testAttestation = {
  type: 'symmetricKey' as const,
  symmetricKey: { primaryKey: testKey(1), secondaryKey: testKey(2) },
};
