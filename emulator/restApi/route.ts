import type { IncomingHttpHeaders } from 'node:http';
import type { HubResponse } from '../httpsServer';

/** A request to the hub, its body read and its path decoded. */
export interface HubRequest {
  readonly method: string;
  /** Decoded path segments: `['devices', 'my device']`. */
  readonly segments: readonly string[];
  /** What a token must cover: `<host>/<decoded path>`. */
  readonly resource: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, names in the case they were sent in. */
  readonly rawHeaders: readonly string[];
  /** Of the client's certificate, when it has one. */
  readonly clientThumbprints: () => readonly string[];
  readonly body: Buffer;
  /** By how much a fault has moved the hub's clock for this request. */
  readonly clockSkewSeconds: number;
}

/** One operation of the hub's REST API. */
export interface Route {
  readonly target: 'registry' | 'telemetry';
  readonly method: string;
  /** Path pattern; `*` stands for one segment, the device id. */
  readonly path: readonly string[];
  readonly maxBodyBytes: number;
  /** @throws IotHubError */
  readonly handle: (request: HubRequest) => HubResponse;
}

export const matchesPath = (route: Route, segments: readonly string[]) =>
  route.path.length === segments.length &&
  route.path.every((part, index) => part === '*' || part === segments[index]);

/** The device id in a path, if the path has one. */
export const deviceIdIn = (segments: readonly string[]) =>
  segments[0] === 'devices' ? segments[1] : undefined;
