import { type Cors, createCors } from './http/cors';
import { type IotHub, createIotHub } from './iothub';
import { Problem } from './problems';
import { type Settings, SettingsError, readSettings } from './settings';

/** What the functions stand on, made once when the app is loaded. */
export interface Startup {
  /** undefined when they are missing or malformed */
  settings: Settings | undefined;
  cors: Cors;
  /** @throws {Problem} `settings_invalid` when there is no hub to speak of */
  hub: () => IotHub;
}

/**
 * Reads the settings and makes the IoT Hub client. An app with wrong settings starts all the same and says so in its
 * log and in each answer, since a worker that dies at load tells a client nothing.
 */
export function startUp(env: NodeJS.ProcessEnv): Startup {
  try {
    const settings = readSettings(env);
    const hub = createIotHub(settings);
    return { settings, cors: createCors(settings.corsAllowedOrigins), hub: () => hub };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(error.message);
    const problem = new Problem('settings_invalid', `${error.message}.`);
    return {
      settings: undefined,
      cors: createCors([]),
      hub: () => {
        throw problem;
      },
    };
  }
}
