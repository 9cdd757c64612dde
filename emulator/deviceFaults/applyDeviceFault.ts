import { faultError } from '../faultError';
import type { HttpsFaultSpec } from '../faults';
import type { Hub } from '../hub';
import type { IotHubError } from '../iotHubError';

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

/** Carries out an operation of a device, as the armed faults of its target allow. */
export function applyDeviceFault(
  hub: Hub,
  target: HttpsFaultSpec['target'],
  deviceId: string,
  { carryOut, reset, later }: FaultActions,
): void {
  const fault = hub.faults.applyHttps({ target, method: 'PUBLISH', deviceId });
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
