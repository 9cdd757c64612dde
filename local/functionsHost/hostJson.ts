/** Reads the parts of `host.json` that the dev host supports. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const hostJson = z.object({
  version: z.literal('2.0'),
  extensionBundle: z.unknown().optional(),
  extensions: z
    .object({ http: z.object({ routePrefix: z.string().default('api') }).default({ routePrefix: 'api' }) })
    .optional(),
});

/** The parts of `host.json` that the dev host supports. */
export interface HostJson {
  routePrefix: string;
}

/** @throws Error naming what is invalid in `host.json`, or not supported by this host */
export function readHostJson(appFolder: string): HostJson {
  const file = join(appFolder, 'host.json');
  const read = hostJson.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!read.success) throw new Error(`${file} cannot be used: ${z.prettifyError(read.error)}`);
  if (read.data.extensionBundle !== undefined) {
    throw new Error(
      `${file} names an extension bundle: this host runs HTTP and timer functions, which need none`,
    );
  }
  return { routePrefix: read.data.extensions?.http.routePrefix ?? 'api' };
}
