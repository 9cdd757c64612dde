/** Responds to the requests of devices for their twins, over MQTT. */

import { applyDeviceFault } from '../deviceFaults';
import { respondToTwinRequest } from '../deviceTwins';
import type { Hub } from '../hub';
import type { MqttConnection } from './connection';
import { delayMessages } from './delayMessages';
import { publish } from './deviceConnection';
import type { Subscriptions } from './sessions';
import type { Publication } from './topics';

const RESPONSE_FILTER = '$iothub/twin/res/#';

type TwinPublication = Extract<Publication, { kind: 'getTwin' | 'patchReported' }>;

/** Responds to a device's request for its twin; an error is a response as well. */
export type TwinResponder = (request: TwinPublication, payload: Buffer) => void;

/** iot-mqtt-connect-to-iot-hub, "Retrieving a device twin's properties" and the two sections after it. */
export function createTwinResponder(
  hub: Hub,
  mqtt: MqttConnection,
  clientId: string,
  subscriptions: Subscriptions,
): TwinResponder {
  const later = delayMessages(mqtt);
  return (request, payload) => {
    hub.requests.twins++;
    applyDeviceFault(hub, 'twins', clientId, {
      carryOut(rejection) {
        const { status, version, body } = respondToTwinRequest(
          hub,
          clientId,
          { ...request, payload },
          rejection,
        );
        const query = version === undefined ? '' : `&$version=${version}`;
        return () => {
          if (!subscriptions.has(RESPONSE_FILTER)) return;
          publish(
            mqtt,
            `$iothub/twin/res/${status}/?$rid=${encodeURIComponent(request.requestId)}${query}`,
            body === undefined ? '' : JSON.stringify(body),
          );
        };
      },
      reset: mqtt.reset,
      later,
    });
  };
}
