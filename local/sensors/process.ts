import * as z from 'zod';
import { runPartsAsChild } from '../childProcess';
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
export function main(): Promise<void> {
  return runPartsAsChild(async (running) => {
    const options = environment.parse(process.env);
    running.push(
      await startFleet({
        functionsUrl: options.SENSORS_FUNCTIONS_URL,
        functionKey: options.SENSORS_FUNCTION_KEY,
        mqttPort: options.SENSORS_MQTT_PORT,
        caFile: options.SENSORS_CA_FILE,
        log: console.error,
      }),
    );
    return `sensors ready ${STORES.map(({ deviceId }) => deviceId).join(', ')}`;
  });
}
