import { resolve } from 'node:path';
import type { Emulator } from '../emulator/index';
import { POLICIES } from '../emulator/wellKnown';
import { LOCAL_HOST_KEY } from './functionKeys';
import { databaseUrl, storageConnection } from './products';
import { EXAMPLE_FILE, SETTINGS_FILE, fromEnvironment, readSettingsFile } from './settingsFile';

/** The values that the app's settings under `npm start` depend on. */
export interface LocalStack {
  emulator: Emulator;
  /** of the functions */
  port: number;
  /** origins whose pages may send messages, in addition to CORS_ALLOWED_ORIGINS */
  origins: readonly string[];
  /** undefined: without product snapshots */
  analytics: { database: { port: number }; blob: { port: number } } | undefined;
}

/**
 * Creates the app's settings. The hub is always the emulator that was just started. All other settings can be set as
 * for Core Tools.
 */
export function localSettings({ emulator, port, origins, analytics }: LocalStack): Record<string, string> {
  const chosen = chosenSettings();
  const chosenOrigins = (chosen.CORS_ALLOWED_ORIGINS ?? '')
    .split(',')
    .filter((origin) => origin.trim() !== '');
  return {
    ...chosen,
    IOTHUB_HOSTNAME: emulator.hostName,
    IOTHUB_SHAREDACCESSKEYNAME: 'iothubowner',
    IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
    IOTHUB_EVENTHUB_CONNECTION: emulator.connectionStrings.eventHub('service'),
    IOTHUB_ENDPOINT: emulator.endpoint,
    IOTHUB_CA_FILE: resolve(emulator.caFile),
    AF_HOST: `localhost:${port}`,
    KEEP_ALIVE_FUNCTION_KEY: LOCAL_HOST_KEY,
    CORS_ALLOWED_ORIGINS: [...new Set([...chosenOrigins, ...origins])].join(','),
    ...(analytics && {
      PRODUCTS_DATABASE_URL: productsDatabaseUrl() ?? databaseUrl(analytics.database.port),
      PRODUCTS_STORAGE: storageConnection(analytics.blob.port),
    }),
  };
}

/** The URL of your own database, which replaces the local one. */
export function productsDatabaseUrl(): string | undefined {
  const { PRODUCTS_DATABASE_URL: url } = chosenSettings();
  return url === '' ? undefined : url;
}

function chosenSettings(): Record<string, string> {
  const defaults = readSettingsFile(EXAMPLE_FILE) ?? {};
  return { ...defaults, ...readSettingsFile(SETTINGS_FILE), ...fromEnvironment(Object.keys(defaults)) };
}
