/** Reads app settings from `local.settings.json`, or from its committed example. */

import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

const settingsFile = z.object({ Values: z.record(z.string(), z.string()) });

export const EXAMPLE_FILE = 'local.settings.example.json';
export const SETTINGS_FILE = 'local.settings.json';

/**
 * App settings from a file in the form of Core Tools, overridden by environment variables of the same names.
 *
 * @returns undefined when there is no such file
 * @throws Error naming the file and what is wrong with it, no value printed
 */
export function readSettingsFile(file: string): Record<string, string> | undefined {
  if (!existsSync(file)) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Error(`${file} is not valid JSON`);
  }
  const read = settingsFile.safeParse(content);
  if (!read.success) throw new Error(`${file} has no "Values" of names and texts`);
  return read.data.Values;
}

/** As Core Tools does: what the environment says wins over the file. `names` are the settings that there are. */
export function fromEnvironment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
