import * as z from 'zod';
import { BASE64 } from './formats';

/** The Event Hub-compatible endpoint, from its connection string. */
export interface EventHubConnection {
  host: string;
  port: number;
  /** name of the Event Hub or Event Hub-compatible entity */
  entityPath: string;
  /** shared access policy with permission to read */
  policy: { name: string; key: string };
  /** true: plain TCP, because of `UseDevelopmentEmulator=true` */
  plainTcp: boolean;
  /** PEM file of a private certificate authority to trust in addition to the public ones; for local runs */
  caFile: string | undefined;
}

const AMQPS_PORT = 5671;
const AMQP_PORT = 5672;

const PART_FORMATS: Readonly<Record<string, RegExp>> = {
  Endpoint: /^sb:\/\/([a-z0-9.-]+)(?::(\d{1,5}))?\/?$/i,
  SharedAccessKeyName: /^[\w-]{1,64}$/,
  SharedAccessKey: BASE64,
  EntityPath: /^[\w.-]{1,260}$/,
};

/** @throws {Error} naming the part that is missing or malformed, without its value */
export function parseEventHubConnection(
  value: string,
  context: z.RefinementCtx,
): Omit<EventHubConnection, 'caFile'> {
  const parts = connectionStringParts(value);
  const part = (name: string): string => parts.get(name.toLowerCase()) ?? '';
  const wrong = (what: string): never => {
    context.addIssue({ code: 'custom', message: `is not an Event Hub connection string: ${what}` });
    return z.NEVER;
  };
  const lacking = Object.keys(PART_FORMATS).filter((name) => part(name) === '');
  if (lacking.length > 0) return wrong(`it lacks ${lacking.join(', ')}`);
  const malformed = Object.entries(PART_FORMATS).filter(([name, format]) => !format.test(part(name)));
  if (malformed.length > 0) return wrong(`its ${malformed.map(([name]) => name).join(', ')} is malformed`);
  const [, host = '', port] = PART_FORMATS.Endpoint?.exec(part('Endpoint')) ?? [];
  const plainTcp = part('UseDevelopmentEmulator').toLowerCase() === 'true';
  return {
    host,
    port: port === undefined ? (plainTcp ? AMQP_PORT : AMQPS_PORT) : Number(port),
    entityPath: part('EntityPath'),
    policy: { name: part('SharedAccessKeyName'), key: part('SharedAccessKey') },
    plainTcp,
  };
}

/** The parts of a connection string by name, in lower case. */
export function connectionStringParts(value: string): ReadonlyMap<string, string> {
  return new Map(
    value
      .split(';')
      .filter((part) => part.includes('='))
      .map((part) => [
        part.slice(0, part.indexOf('=')).trim().toLowerCase(),
        part.slice(part.indexOf('=') + 1).trim(),
      ]),
  );
}
