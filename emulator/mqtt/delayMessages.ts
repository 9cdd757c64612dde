import { IotHubError } from '../iotHubError';
import type { MqttConnection } from './connection';
import { MAX_DELAYED_MESSAGES } from './limits';

/**
 * Delays the handling of messages, as a fault requires. Reading pauses at MAX_DELAYED_MESSAGES. If the hub rejects a
 * message, the connection closes.
 */
export function delayMessages(mqtt: MqttConnection): (delayMs: number, work: () => void) => void {
  let delayed = 0;
  return (delayMs, work) => {
    if (++delayed === MAX_DELAYED_MESSAGES) mqtt.pause();
    setTimeout(() => {
      if (delayed-- === MAX_DELAYED_MESSAGES) mqtt.resume();
      try {
        work();
      } catch (error) {
        if (!(error instanceof IotHubError)) throw error;
        mqtt.close();
      }
    }, delayMs);
  };
}
