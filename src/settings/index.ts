import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { parseSchedule } from '../schedules';
import { type EventHubConnection, parseEventHubConnection } from './eventHubConnection';
import { BASE64, HEADER_NAME, HOST_NAME, HOST_WITH_PORT, TOKEN, isPostgresUrl } from './formats';
import { type VisitorSettings, isVisitorIdOrPrefix } from '../visitors';
import { parseOrigins } from './origins';
import { DEFAULT_PRODUCTS_QUERY, DEFAULT_SKUS_QUERY, type ProductQueries } from './productQueries';
import { type Environment, SettingsError, readValues } from './readValues';

export type { EventHubConnection } from './eventHubConnection';
export { DEFAULT_PRODUCTS_QUERY, DEFAULT_SKUS_QUERY, type ProductQueries } from './productQueries';
export { secretsOf } from './secrets';
export { SettingsError } from './readValues';

/**
 * Every 4 minutes, as in the proof of concept (docs/cold-start.md), where idle instances were unloaded after five
 * minutes. Six NCRONTAB fields.
 */
export const DEFAULT_KEEP_ALIVE_SCHEDULE = '0 */4 * * * *';

/** Deadline of a request to the hub, including retries. Pages and phones rarely wait longer. */
const DEFAULT_HUB_DEADLINE_S = 10;
/** Below the 230 s after which the platform ends a request. */
const MAX_HUB_DEADLINE_S = 120;

/** Enough for S3 hubs: each gateway sends one batch at a time, which takes about 20 ms. */
const MAX_VISITOR_DEVICES = 256;
/** base64 of 32 bytes */
const MIN_VISITOR_KEY_CHARACTERS = 44;
const isVisitorKey = (secret: string): boolean =>
  BASE64.test(secret) && secret.length >= MIN_VISITOR_KEY_CHARACTERS;

/** Every hour: six NCRONTAB fields. */
export const DEFAULT_PRODUCTS_SCHEDULE = '0 0 * * * *';

const schedule = z
  .string()
  .refine(
    (expression) => parseSchedule(expression) !== undefined,
    'is not a schedule that NCrontab reads (five or six fields; or %NAME% for a setting that exists)',
  );

/** docs/settings.md describes each setting. App settings that are empty count as absent. */
const environment = z.object({
  IOTHUB_HOSTNAME: z.string('is missing').regex(HOST_NAME, 'is not a host name'),
  IOTHUB_SHAREDACCESSKEYNAME: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'is not a policy name')
    .default('iothubowner'),
  IOTHUBOWNER_SHAREDACCESSKEY: z.string().regex(BASE64, 'is not base64').optional(),
  IOTHUB_EVENTHUB_CONNECTION: z.string('is missing').transform(parseEventHubConnection),
  MESSAGE_POLL_CONSUMERGROUP: z
    .string()
    .regex(/^[\w.$-]{1,50}$/, 'is not a consumer group name')
    .default('$Default'),
  FEED_CLIENT: z.enum(['amqp', 'sdk'], "is neither 'amqp' nor 'sdk'").default('amqp'),
  CORS_ALLOWED_ORIGINS: z.string().default('').transform(parseOrigins),
  HUB_DEADLINE_SECONDS: z
    .string()
    .regex(/^\d{1,3}$/, `is not a whole number of seconds from 1 to ${MAX_HUB_DEADLINE_S}`)
    .transform(Number)
    .refine(
      (seconds) => seconds >= 1 && seconds <= MAX_HUB_DEADLINE_S,
      `is not from 1 to ${MAX_HUB_DEADLINE_S}`,
    )
    .default(DEFAULT_HUB_DEADLINE_S),
  AF_HOST: z.string().regex(HOST_WITH_PORT, 'is not a host name').optional(),
  WEBSITE_HOSTNAME: z.string().regex(HOST_WITH_PORT, 'is not a host name').optional(),
  KEEP_ALIVE_SCHEDULE: schedule.default(DEFAULT_KEEP_ALIVE_SCHEDULE),
  KEEP_ALIVE_FUNCTION_KEY: z.string().regex(TOKEN, 'has characters that are invalid in a header').optional(),
  PRODUCTS_DATABASE_URL: z
    .string()
    .refine(
      isPostgresUrl,
      'is not a URL such as postgres://user@host/database (percent-encode @ / ? # % in a password)',
    )
    .optional(),
  PRODUCTS_QUERY: z.string().optional(),
  SKUS_QUERY: z.string().optional(),
  PRODUCTS_SCHEDULE: schedule.default(DEFAULT_PRODUCTS_SCHEDULE),
  PRODUCTS_STORAGE: z
    .string()
    .regex(
      /(?:^|;)(?:AccountName|SharedAccessSignature|UseDevelopmentStorage)=./i,
      'is not a connection string of a storage account',
    )
    .optional(),
  PRODUCTS_STORAGE__blobServiceUri: z.url({ protocol: /^https?$/, error: 'is not a URL' }).optional(),
  AZURE_MONITOR_METRICS_URL: z.url({ protocol: /^https?$/, error: 'is not a URL' }).optional(),
  VISITOR_DEVICES: z
    .string()
    .regex(/^\d{1,3}$/, `is not a whole number from 0 to ${MAX_VISITOR_DEVICES}`)
    .transform(Number)
    .refine((count) => count <= MAX_VISITOR_DEVICES, `is not from 0 to ${MAX_VISITOR_DEVICES}`)
    .default(0),
  VISITOR_ID_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'is not 1 to 64 of A-Z a-z 0-9 . _ -')
    .default('web-'),
  VISITOR_KEY: z
    .string()
    .transform((list) => list.split(',').map((secret) => secret.trim()))
    .refine((secrets) => secrets.every(isVisitorKey), {
      error: ({ input }) => {
        const place = (input as string[]).findIndex((secret) => !isVisitorKey(secret)) + 1;
        return `is not a comma-separated list of keys, each base64 of at least 32 bytes: see position ${place}`;
      },
    })
    .optional(),
  VISITOR_ADDRESS_HEADER: z
    .string()
    .regex(HEADER_NAME, 'is not the name of a header')
    .transform((name) => name.toLowerCase())
    .default('x-forwarded-for'),
  VISITOR_BLOCKLIST: z
    .string()
    .default('')
    .transform((list) => list.split(',').flatMap((start) => start.trim() || [])),
  IOTHUB_ENDPOINT: z.string().transform(parseEndpoint).optional(),
  IOTHUB_CA_FILE: z.string().transform(findFile).optional(),
});

/** The settings of the app. Undefined means that a setting is absent. */
export interface Settings {
  /** host name of the IoT hub, `<name>.azure-devices.net` */
  hubHostName: string;
  /** where to reach the hub instead of `hubHostName`:443; for local runs */
  hubEndpoint: { host: string; port: number } | undefined;
  /** PEM file of a private certificate authority to trust for the hub; for local runs */
  hubCaFile: string | undefined;
  /** time limit of a registration, or of sending the messages of a request, including retries */
  hubDeadlineMs: number;
  /** shared access policy for the identity registry; without it, Microsoft Entra ID is used */
  registryPolicy: { name: string; key: string } | undefined;
  eventHub: EventHubConnection;
  consumerGroup: string;
  /** the client that reads the feed: our own AMQP client, or Microsoft's `@azure/event-hubs` */
  feedClient: 'amqp' | 'sdk';
  /** exact origins, origins with a leading `*.` label, or `*` */
  corsAllowedOrigins: readonly string[];
  /** base URL of this app for the keep-alive timer */
  keepAliveTarget: URL | undefined;
  keepAliveSchedule: string;
  keepAliveFunctionKey: string | undefined;
  /** undefined: visitors register as ordinary devices */
  visitors: VisitorSettings | undefined;
  /** prefix of the ids of visitors and gateways; ids of gateways are reserved even if visitors are off */
  visitorIdPrefix: string;
  /** header whose last value is the client's address, in lower case */
  addressHeader: string;
  /** undefined: no product snapshots are taken */
  products: ProductSettings | undefined;
  productsSchedule: string;
  /** URL for custom metrics of the function app; undefined: none are sent */
  metricsUrl: string | undefined;
}

/** The source of products and the storage of their snapshots. */
export interface ProductSettings {
  databaseUrl: string;
  queries: ProductQueries;
  storage: ProductStorage;
}

/** A storage account, given by connection string, or by its URL for Microsoft Entra ID. */
export type ProductStorage = { connectionString: string } | { blobServiceUri: string };

/** The settings of a command that works on the identity registry alone. */
export type RegistrySettings = Pick<
  Settings,
  'hubHostName' | 'hubEndpoint' | 'hubCaFile' | 'hubDeadlineMs' | 'registryPolicy' | 'visitorIdPrefix'
>;

/** @throws {SettingsError} naming every one of them that is missing or malformed */
export function readRegistrySettings(env: Environment): RegistrySettings {
  return registrySettings(readValues(registryEnvironment, env));
}

/**
 * Reads the settings once, from environment variables.
 *
 * @throws {SettingsError} naming every setting that is missing or malformed
 */
export function readSettings(env: Environment): Settings {
  const values = readValues(environment, env);
  const ownHost = values.AF_HOST ?? values.WEBSITE_HOSTNAME;
  return {
    ...registrySettings(values),
    eventHub: { ...values.IOTHUB_EVENTHUB_CONNECTION, caFile: values.IOTHUB_CA_FILE },
    consumerGroup: values.MESSAGE_POLL_CONSUMERGROUP,
    feedClient: values.FEED_CLIENT,
    corsAllowedOrigins: values.CORS_ALLOWED_ORIGINS,
    keepAliveTarget: ownHost === undefined ? undefined : baseUrl(ownHost),
    keepAliveSchedule: values.KEEP_ALIVE_SCHEDULE,
    keepAliveFunctionKey: values.KEEP_ALIVE_FUNCTION_KEY,
    visitors: visitorSettings(values),
    addressHeader: values.VISITOR_ADDRESS_HEADER,
    products: productSettings(values),
    productsSchedule: values.PRODUCTS_SCHEDULE,
    metricsUrl: values.AZURE_MONITOR_METRICS_URL,
  };
}

const registryEnvironment = environment.pick({
  IOTHUB_HOSTNAME: true,
  IOTHUB_SHAREDACCESSKEYNAME: true,
  IOTHUBOWNER_SHAREDACCESSKEY: true,
  IOTHUB_ENDPOINT: true,
  IOTHUB_CA_FILE: true,
  HUB_DEADLINE_SECONDS: true,
  VISITOR_ID_PREFIX: true,
});

function registrySettings(values: z.infer<typeof registryEnvironment>): RegistrySettings {
  return {
    hubHostName: values.IOTHUB_HOSTNAME.toLowerCase(),
    hubEndpoint: values.IOTHUB_ENDPOINT,
    hubCaFile: values.IOTHUB_CA_FILE,
    hubDeadlineMs: values.HUB_DEADLINE_SECONDS * 1_000,
    registryPolicy:
      values.IOTHUBOWNER_SHAREDACCESSKEY === undefined
        ? undefined
        : { name: values.IOTHUB_SHAREDACCESSKEYNAME, key: values.IOTHUBOWNER_SHAREDACCESSKEY },
    visitorIdPrefix: values.VISITOR_ID_PREFIX,
  };
}

function visitorSettings(values: z.infer<typeof environment>): VisitorSettings | undefined {
  const { VISITOR_DEVICES: gateways, VISITOR_KEY: secrets, VISITOR_BLOCKLIST: blocklist } = values;
  if (gateways === 0) return undefined;
  if (!secrets) throw new SettingsError(['VISITOR_KEY is missing, and VISITOR_DEVICES is not 0']);
  const idPrefix = values.VISITOR_ID_PREFIX;
  const wrong = blocklist.findIndex((entry) => !isVisitorIdOrPrefix(idPrefix, entry));
  if (wrong >= 0)
    throw new SettingsError([
      `VISITOR_BLOCKLIST has an entry that is neither the id of a visitor nor a prefix of such ids: see position ${wrong + 1}`,
    ]);
  return { gateways, secrets, blocklist, idPrefix };
}

function productSettings(values: z.infer<typeof environment>): ProductSettings | undefined {
  const { PRODUCTS_DATABASE_URL: databaseUrl, PRODUCTS_QUERY: products, SKUS_QUERY: skus } = values;
  const { PRODUCTS_STORAGE: connectionString, PRODUCTS_STORAGE__blobServiceUri: blobServiceUri } = values;
  if (databaseUrl === undefined) return undefined;
  const queries: ProductQueries = {
    products: products ?? DEFAULT_PRODUCTS_QUERY,
    // If PRODUCTS_QUERY is set, there is no default for SKUS_QUERY: its tables might not exist.
    skus: skus ?? (products === undefined ? DEFAULT_SKUS_QUERY : undefined),
  };
  if (connectionString !== undefined) return { databaseUrl, queries, storage: { connectionString } };
  return blobServiceUri === undefined ? undefined : { databaseUrl, queries, storage: { blobServiceUri } };
}

function parseEndpoint(value: string, context: z.RefinementCtx): { host: string; port: number } {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'https:' || url.pathname !== '/') {
    context.addIssue({ code: 'custom', message: 'is not an https:// URL of a host and port' });
    return z.NEVER;
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) };
}

/** The folder of host.json, which contains the bundle `dist/app.js`. The worker's working directory may differ. */
const APP_FOLDER = resolve(__dirname, '..');

function findFile(file: string, context: z.RefinementCtx): string {
  const found = [resolve(APP_FOLDER, file), resolve(file)].find((path) => existsSync(path));
  if (found === undefined) {
    context.addIssue({
      code: 'custom',
      message: 'names a file that does not exist (the emulator writes it at its start)',
    });
    return z.NEVER;
  }
  return found;
}

/**
 * The platform provides a host name without a scheme, which is reached by HTTPS. A loopback address means a local run
 * over plain HTTP.
 */
function baseUrl(host: string): URL {
  if (host.includes('://')) return new URL(host);
  return new URL(`${/^(?:localhost|127\.)/.test(host) ? 'http' : 'https'}://${host}`);
}
