import * as z from 'zod';
import { runAsChild } from '../childProcess';
import { type Running, closeAll, startError, stopOnSignal } from '../lifecycle';
import { startFleet } from './fleet';
import { STORES } from './stores';

/** The environment variables of the process. */
const environment = z.object({
  SENSORS_FUNCTIONS_URL: z.string(),
  SENSORS_FUNCTION_KEY: z.string(),
  SENSORS_MQTT_PORT: z.coerce.number(),
  SENSORS_CA_FILE: z.string(),
});
export type SensorsEnvironment = Record<keyof z.infer<typeof environment>, string>;

/** Runs the sensors in a separate process, because a device is not a part of the stack. */
export async function main(): Promise<void> {
  runAsChild();
  const running: Running[] = [];
  stopOnSignal(running);
  const options = environment.parse(process.env);
  try {
    running.push(
      await startFleet({
        functionsUrl: options.SENSORS_FUNCTIONS_URL,
        functionKey: options.SENSORS_FUNCTION_KEY,
        mqttPort: options.SENSORS_MQTT_PORT,
        caFile: options.SENSORS_CA_FILE,
        log: console.error,
      }),
    );
    console.log(`sensors ready ${STORES.map(({ deviceId }) => deviceId).join(', ')}`);
  } catch (error) {
    console.error(startError(error));
    await closeAll(running);
    process.exit(1);
  }
}
