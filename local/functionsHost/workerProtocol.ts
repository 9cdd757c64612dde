import type { Readable } from 'node:stream';

/** Messages between the host and its worker process, over Node's IPC, in lists. */

/** A request as `@azure/functions` reads it. */
export interface RpcHttpRequest {
  method: string;
  url: string;
  nullableHeaders: Record<string, { value: string }>;
  nullableQuery: Record<string, { value: string }>;
  nullableParams: Record<string, { value: string }>;
  body?: { bytes: Buffer };
}

/** A response as `@azure/functions` returns it. */
export interface RpcHttpResponse {
  statusCode?: string;
  headers?: Record<string, string>;
  cookies?: RpcHttpCookie[];
  /** `stream` exists only in the host: a body that may still be arriving, and its size in bytes */
  body?: { bytes?: Uint8Array; string?: string; json?: string; stream?: { body: Readable; length: number } };
}

export interface RpcHttpCookie {
  name: string;
  value: string;
  path?: { value: string };
  domain?: { value: string };
  maxAge?: { value: number };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  sameSite?: number | string;
}

/** The trigger's data: an HTTP request, a timer's state as JSON, or the input of a run on demand. */
export type TriggerData = { http: RpcHttpRequest } | { json: string } | { string: string };

export interface Binding {
  type: string;
  direction: string;
  name?: string;
  route?: string;
  methods?: string[];
  authLevel?: string;
  schedule?: string;
  runOnStartup?: boolean;
}

export interface LoadedFunction {
  id: string;
  name: string;
  bindings: Binding[];
}

export type ToWorker =
  | { type: 'load'; appFolder: string }
  | { type: 'invoke'; invocationId: string; functionId: string; data: TriggerData }
  | { type: 'terminate' };

export type FromWorker =
  | { type: 'loaded'; functions: LoadedFunction[] }
  | { type: 'loadFailed'; reason: string }
  /** `bodyBytes`: the body is sent on the pipe for bodies, after those of earlier results */
  | { type: 'result'; invocationId: string; http?: RpcHttpResponse; bodyBytes?: number }
  | { type: 'failed'; invocationId: string; reason: string }
  | { type: 'log'; level: string; category: string; message: string; functionName?: string };
