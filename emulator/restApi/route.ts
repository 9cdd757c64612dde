import type { IncomingHttpHeaders } from 'node:http';
import type { HttpsFaultSpec } from '../faults';
import type { HubResponse } from '../httpsServer';
import { IotHubError } from '../iotHubError';
import { clientIdOf } from '../registry';
import type { ClientCertificate } from '../transport';

/** A request to the hub, with its body read and its path decoded. */
export interface HubRequest {
  readonly method: string;
  /** Decoded path segments: `['devices', 'my device']`. */
  readonly segments: readonly string[];
  /** The resource that a token must cover: `<host>/<decoded path>`. */
  readonly resource: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Names and values alternate. Names keep their case. */
  readonly rawHeaders: readonly string[];
  /** Host and port under which the client reaches the emulator's HTTPS. */
  readonly emulatorHost: () => string;
  /** The client's certificate, if it has one. */
  readonly clientCertificate: () => ClientCertificate | undefined;
  readonly body: Buffer;
  /** Seconds by which a fault has shifted the hub's clock for this request. */
  readonly clockSkewSeconds: number;
}

/** One operation of the hub's REST API. */
export interface Route {
  readonly target: HttpsFaultSpec['target'];
  readonly method: string;
  /** Path pattern, in which `*` stands for one segment, such as the device id. */
  readonly path: readonly string[];
  readonly maxBodyBytes: number;
  /** @throws IotHubError */
  readonly handle: (request: HubRequest) => HubResponse | Promise<HubResponse>;
}

export const matchesPath = (route: Route, segments: readonly string[]) =>
  route.path.length === segments.length &&
  route.path.every(
    (part, index) => part === '*' || part === segments[index] || part === segments[index]?.toLowerCase(),
  );

/** The paths of the twins of devices and of modules. */
export const CLIENT_TWINS = [
  ['twins', '*'],
  ['twins', '*', 'modules', '*'],
] as const;

/**
 * The client id in a path `…/<device id>` or `…/<device id>/modules/<module id>`.
 *
 * @throws IotHubError ArgumentInvalid for an encoded slash, which would turn the id of a device into that of a module
 */
export function clientIdIn([, deviceId = '', , moduleId]: readonly string[]): string {
  if (deviceId.includes('/') || moduleId?.includes('/')) {
    throw new IotHubError('ArgumentInvalid', 'An id must not contain a slash.');
  }
  return clientIdOf({ deviceId, moduleId });
}

/** The device id in a path, if the path has one. */
export const deviceIdIn = (segments: readonly string[]) =>
  segments[0] === 'devices' || segments[0] === 'twins' ? segments[1] : undefined;
