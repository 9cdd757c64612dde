/** The command that writes `docs/openapi.yaml`. */

import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { openApiDocument } from './document';

export const OPENAPI_FILE = 'docs/openapi.yaml';

/** The description as YAML, in the form that is committed. */
export function openApiYaml(): string {
  return stringify(openApiDocument(), { aliasDuplicateObjects: false, lineWidth: 110 });
}

/** `npm run openapi`: writes the description of the HTTP API. */
export async function main(): Promise<void> {
  await writeFile(OPENAPI_FILE, openApiYaml());
  console.log(`wrote ${OPENAPI_FILE}`);
}
