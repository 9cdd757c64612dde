import { type Cors, createCors } from './http/cors';
import { type IotHub, createIotHub } from './iothub';
import { Problem } from './problems';
import { type LogOf, createLogs, logAtStartup } from './logging';
import { type Redact, createRedactor } from './redaction';
import { type Settings, SettingsError, readSettings, secretsOf } from './settings';

/** What the functions stand on, made once when the app is loaded. */
export interface Startup {
  /** undefined when they are missing or malformed */
  settings: Settings | undefined;
  /** why there are no settings, for logs */
  settingsProblem: string | undefined;
  cors: Cors;
  log: LogOf;
  redact: Redact;
  /** @throws {Problem} `settings_invalid` when there is no hub to speak of */
  hub: () => IotHub;
}

/**
 * Reads the settings and makes the IoT Hub client. An app with wrong settings starts all the same and says so in its
 * log and in each answer, since a worker that dies at load tells a client nothing.
 */
export function startUp(env: NodeJS.ProcessEnv): Startup {
  const redact = createRedactor(secretsOf(env));
  const log = createLogs(redact);
  try {
    const settings = readSettings(env);
    const hub = createIotHub(settings);
    return {
      settings,
      settingsProblem: undefined,
      log,
      redact,
      cors: createCors(settings.corsAllowedOrigins),
      hub: () => hub,
    };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    logAtStartup(redact, error.message);
    const problem = new Problem('settings_invalid', `${error.message}.`);
    return {
      settings: undefined,
      settingsProblem: error.message,
      log,
      redact,
      cors: createCors([]),
      hub: () => {
        throw problem;
      },
    };
  }
}
