import type { Agent } from 'node:https';
import type { Message as DeviceMessage } from 'azure-iot-device';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Message, deviceClient, emulatorAgent } from '../azureSdks';
import { type Answer, type Stack, startStack } from '../stack';

export const SENSOR = { deviceId: 'sensor', deviceKey: Buffer.alloc(32, 5).toString('base64') };

/** The app, an empty hub of two partitions, and a device that sends directly to it. */
export interface SensorFeed {
  readonly stack: Stack;
  /** Sends a message with Microsoft's device SDK. @param set changes its properties */
  send: (body: string | Buffer, set?: (message: DeviceMessage) => void) => Promise<void>;
  fetchFeed: (headers: Record<string, string>, query?: string) => Promise<Answer>;
}

/** Starts them for the tests of a file. The hub is empty again before each test. */
export function useSensorFeed(): SensorFeed {
  let stack: Stack;
  let agent: Agent;
  let device: ReturnType<typeof deviceClient>;
  beforeAll(async () => {
    stack = await startStack({ partitions: 2 });
    agent = emulatorAgent(stack.emulator);
    await stack.register(SENSOR.deviceId, SENSOR.deviceKey);
    device = deviceClient(stack.emulator, agent, SENSOR.deviceId, SENSOR.deviceKey);
  });
  afterAll(async () => {
    await device.close();
    agent.destroy();
    await stack.close();
  });
  beforeEach(() => {
    stack.emulator.admin.recreateHub({ keepDevices: true, partitions: 2 });
  });
  return {
    get stack() {
      return stack;
    },
    send: async (body, set = () => undefined) => {
      const message = new Message(body);
      set(message);
      await device.sendEvent(message);
    },
    fetchFeed: (headers, query = '') => stack.feedAt(query, headers),
  };
}
