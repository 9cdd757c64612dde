/** Reads app settings from `local.settings.json`, or from its committed example. */

import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

const settingsFile = z.object({ Values: z.record(z.string(), z.string()) });

export const EXAMPLE_FILE = 'local.settings.example.json';
export const SETTINGS_FILE = 'local.settings.json';

/**
 * Reads app settings from a file in the format of Core Tools. Environment variables of the same names override them.
 *
 * @returns undefined if there is no such file
 * @throws Error naming the file and what is wrong with it, without values
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
  if (!read.success) throw new Error(`${file} has no object "Values" whose members are strings`);
  return read.data.Values;
}

/** Settings from the environment, which override the file, as in Core Tools. @param names all settings */
export function fromEnvironment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
