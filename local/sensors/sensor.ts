/** One sensor: a device that speaks MQTT with Microsoft's device SDK. */

import { randomUUID } from 'node:crypto';
import {
  Client,
  type DeviceMethodRequest,
  type DeviceMethodResponse,
  Message,
  type Twin,
} from 'azure-iot-device';
import { Mqtt } from 'azure-iot-device-mqtt';
import * as z from 'zod';
import type { Running } from '../lifecycle';
import { changedInterval, DEFAULT_INTERVAL_S, type ReportedInterval } from './reportingInterval';
import { createStoreroom } from './storeroom';
import type { Store } from './stores';

/** The name under which IoT Hub knows the creation time of a message (iot-hub-devguide-messages-construct). */
const CREATION_TIME = 'iothub-creation-time-utc';

/** Time before another attempt to connect. */
const RECONNECT_MS = 1_000;

const doorRequest = z.object({ door: z.enum(['open', 'closed']) });

interface Reported {
  update: (change: ReportedInterval, done: (error?: Error) => void) => void;
}

export interface SensorOptions {
  store: Store;
  /** of the device */
  connectionString: string;
  /** certificate authority of the hub, PEM */
  ca: string;
  log: (line: string) => void;
}

/**
 * Connects a sensor to its hub. It sends its temperature at its interval, and each change of its door at once. The
 * desired property `reportingInterval` sets the interval, and the direct method `setDoor` opens or closes the door.
 * After a lost connection it connects again.
 *
 * @throws Error of the SDK if the hub cannot be reached or rejects the device
 */
export async function startSensor({ store, connectionString, ca, log }: SensorOptions): Promise<Running> {
  const storeroom = createStoreroom(
    store,
    (door) => void send(door === 'open' ? 'door_opened' : 'door_closed'),
  );
  let client: Client | undefined;
  let intervalS = DEFAULT_INTERVAL_S;
  let nextReport: NodeJS.Timeout | undefined;
  let nextAttempt: NodeJS.Timeout | undefined;
  let closing = false;
  let problem = '';

  const logProblem = (error: unknown): void => {
    const { message } = error as Error;
    if (!closing && message !== problem) log(`sensor ${store.deviceId}: ${message}`);
    problem = message;
  };

  async function send(event: 'temperature' | 'door_opened' | 'door_closed'): Promise<void> {
    if (!client) return; // reports without a connection are lost, as in a sensor without a buffer
    const message = new Message(
      JSON.stringify({
        sensor: {
          event,
          store: store.name,
          temperature: storeroom.measure(),
          door: storeroom.door(),
          reporting_interval: intervalS,
        },
      }),
    );
    message.messageId = randomUUID();
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add(CREATION_TIME, new Date().toISOString());
    try {
      await client.sendEvent(message);
      problem = '';
    } catch (error) {
      logProblem(error);
    }
  }

  function schedule(): void {
    clearTimeout(nextReport);
    if (!closing) nextReport = setTimeout(() => void send('temperature').then(schedule), intervalS * 1_000);
  }

  const useInterval = (twin: Twin, changed: ReportedInterval): void => {
    const isNew = changed.reportingInterval !== intervalS;
    intervalS = changed.reportingInterval;
    if (isNew) schedule();
    const reported = twin.properties.reported as Reported; // the SDK has no type for it
    reported.update(changed, (error) => {
      if (error) logProblem(error);
    });
  };

  const setDoor = (request: DeviceMethodRequest, response: DeviceMethodResponse): void => {
    const wanted = doorRequest.safeParse(request.payload);
    if (wanted.data) storeroom.setDoor(wanted.data.door);
    const body = wanted.data ? { door: storeroom.door() } : { error: 'door must be open or closed' };
    response.send(wanted.data ? 200 : 400, body).catch(logProblem);
  };

  async function connect(): Promise<void> {
    const opened = Client.fromConnectionString(connectionString, Mqtt);
    try {
      await opened.setOptions({ ca });
      opened.on('error', logProblem);
      await opened.open();
      opened.onDeviceMethod('setDoor', setDoor);
      const twin = await opened.getTwin();
      twin.on('error', logProblem);
      useInterval(twin, { reportingInterval: intervalS, reportingIntervalError: null });
      // Emitted for the present properties as well, which may have changed without a connection.
      twin.on('properties.desired', (change: unknown) => {
        const changed = changedInterval(change, intervalS);
        if (changed) useInterval(twin, changed);
      });
    } catch (error) {
      await opened.close().catch(() => undefined);
      throw error;
    }
    if (closing) {
      await opened.close();
      return;
    }
    client = opened;
    // The SDK reconnects only after some errors, and does not restore every subscription.
    opened.once('disconnect', () => {
      client = undefined;
      opened.close().catch(() => undefined);
      reconnect();
    });
    await send('temperature');
    schedule();
  }

  function reconnect(): void {
    if (closing) return;
    nextAttempt = setTimeout(() => {
      connect().catch((error: unknown) => {
        logProblem(error);
        reconnect();
      });
    }, RECONNECT_MS);
  }

  try {
    await connect();
  } catch (error) {
    storeroom.close();
    throw error;
  }
  return {
    close: async () => {
      closing = true;
      clearTimeout(nextReport);
      clearTimeout(nextAttempt);
      storeroom.close();
      await client?.close();
    },
  };
}
