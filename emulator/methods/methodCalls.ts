import type { DeviceConnections } from '../deviceConnections';
import { errorDocument, IotHubError, throttled } from '../iotHubError';
import type { ClientRegistry } from '../registry';
import { MAX_WAITING_CALLS } from './limits';

/** A call of a direct method. */
export interface MethodCall {
  readonly name: string;
  /** JSON. */
  readonly payload: string;
  /** How long the call waits for a device that is not connected. */
  readonly connectTimeoutMs: number;
  /** How long it then waits for the response. */
  readonly responseTimeoutMs: number;
}

/** The device's own status, and the JSON that it returned. */
export interface MethodResponse {
  readonly status: number;
  readonly payload: unknown;
}

/** Direct methods that wait for a device or a module. */
export interface MethodCalls {
  /** Rejects with IotHubError: 404 for a device that is unknown or not connected, 504 for a timeout. */
  invoke(clientId: string, call: MethodCall): Promise<MethodResponse>;
  /**
   * Passes a device's response to the waiting call. As in the hub, a response is ignored if its call no longer waits.
   */
  respond(clientId: string, requestId: string, response: MethodResponse): void;
}

/** The hub's errors for direct methods. Their message is a JSON document. */
const failure = (code: 'DeviceNotOnline' | 'GatewayTimeout', errorCode: number, message: string) =>
  new IotHubError(code, JSON.stringify(errorDocument(errorCode, message)));

export function createMethodCalls(clients: ClientRegistry, connections: DeviceConnections): MethodCalls {
  const waiting = new Map<string, { clientId: string; resolve: (response: MethodResponse) => void }>();
  let lastRequest = 0;
  let calls = 0;

  /**
   * Rejects with `late()` after `ms`. `begin` starts the operation and returns a cleanup function, which is always
   * called.
   */
  const within = <Value>(
    ms: number,
    late: () => IotHubError,
    begin: (resolve: (value: Value) => void) => () => void,
  ): Promise<Value> => {
    let end: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    return new Promise<Value>((resolve, reject) => {
      timer = setTimeout(() => reject(late()), ms);
      end = begin(resolve);
    }).finally(() => {
      clearTimeout(timer);
      end();
    });
  };

  const untilReachable = (clientId: string, { name, connectTimeoutMs }: MethodCall): Promise<void> => {
    if (connections.find(clientId)?.acceptsMethod(name)) return Promise.resolve();
    const notOnline = () => failure('DeviceNotOnline', 404103, 'Timed out waiting for device to connect.');
    if (connectTimeoutMs === 0) return Promise.reject(notOnline());
    return within<undefined>(connectTimeoutMs, notOnline, (resolve) =>
      connections.onReady((readyId) => {
        if (readyId === clientId && connections.find(clientId)?.acceptsMethod(name)) resolve(undefined);
      }),
    );
  };

  return {
    async invoke(clientId, call) {
      clients.get(clientId);
      if (calls >= MAX_WAITING_CALLS) throw throttled('DirectMethods');
      calls++;
      try {
        await untilReachable(clientId, call);
        const requestId = String(++lastRequest);
        return await within<MethodResponse>(
          call.responseTimeoutMs,
          () => failure('GatewayTimeout', 504101, 'Timed out waiting for the response from device.'),
          (resolve) => {
            waiting.set(requestId, { clientId, resolve });
            connections.find(clientId)?.invokeMethod({ requestId, name: call.name, payload: call.payload });
            return () => waiting.delete(requestId);
          },
        );
      } finally {
        calls--;
      }
    },
    respond(clientId, requestId, response) {
      const call = waiting.get(requestId);
      if (call?.clientId === clientId) call.resolve(response);
    },
  };
}
