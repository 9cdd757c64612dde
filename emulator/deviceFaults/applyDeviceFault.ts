import { faultError } from '../faultError';
import type { HttpsFaultSpec } from '../faults';
import type { Hub } from '../hub';
import type { IotHubError } from '../iotHubError';
import { deviceIdOf } from '../registry';

/** What a fault does to an operation of a device over MQTT or AMQP. */
export interface FaultActions {
  /**
   * Carries out the operation, or rejects it with the error. The returned function sends the response.
   *
   * @param clockSkewSeconds by how much the fault has moved the hub's clock, if the device connects
   */
  carryOut(error?: IotHubError, clockSkewSeconds?: number): () => void;
  /** Resets the connection. */
  reset(): void;
  later(delayMs: number, work: () => void): void;
}

/** Carries out an operation of a device or of a module, as the armed faults of its target and device allow. */
export function applyDeviceFault(
  hub: Hub,
  target: HttpsFaultSpec['target'],
  clientId: string,
  { carryOut, reset, later }: FaultActions,
): void {
  const fault = hub.faults.applyHttps({ target, method: 'PUBLISH', deviceId: deviceIdOf(clientId) });
  switch (fault?.kind) {
    case 'hang':
      break;
    case 'slow':
      later(fault.delayMs, () => carryOut()());
      break;
    case 'resetBefore':
      reset();
      break;
    case 'resetAfter':
      carryOut();
      reset();
      break;
    case 'clockSkew':
      carryOut(undefined, fault.seconds)();
      break;
    default:
      carryOut(fault && faultError(fault, hub.identity.name))();
  }
}
