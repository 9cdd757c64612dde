import { type Cors, createCors } from './http/cors';
import { type IotHub, createIotHub } from './iothub';
import { Problem } from './errorCodes';
import { type LogOf, createLogs, logAtStartup } from './logging';
import { type Redact, createRedactor } from './redaction';
import { type Settings, SettingsError, readSettings, secretsOf } from './settings';

/** What all functions share. It is created once, when the app is loaded. */
export interface Startup {
  /** undefined if settings are missing or malformed */
  settings: Settings | undefined;
  /** why the settings are invalid; for the log */
  settingsProblem: string | undefined;
  cors: Cors;
  log: LogOf;
  redact: Redact;
  /** @throws {Problem} `settings_invalid` if the settings are missing or malformed */
  hub: () => IotHub;
}

/**
 * Reads the settings and creates the IoT Hub client. With invalid settings the app still starts, and reports them in
 * its log and in each response. A worker that exits at load could not report anything to clients.
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
