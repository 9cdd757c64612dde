/** Reads settings from environment variables with a schema, and reports all invalid ones by name. */
import type * as z from 'zod';
import { resolveSettingNames } from '../schedules';
import { CONTROL_CHARACTER } from './formats';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Lists all problems of the settings by name, without values. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(readonly problems: readonly string[]) {
    super(`Settings are missing or malformed: ${problems.join('; ')}`);
  }
}

/** @throws {SettingsError} */
export function readValues<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment,
): z.infer<z.ZodObject<Shape>> {
  const present = presentValues(env, Object.keys(schema.shape));
  const broken = Object.keys(present).filter(
    (name) => !MAY_HOLD_CONTROL_CHARACTERS.includes(name) && CONTROL_CHARACTER.test(present[name] ?? ''),
  );
  const read = schema.safeParse(present);
  const malformed = (read.error?.issues ?? []).filter(({ path }) => !broken.includes(String(path[0])));
  if (!read.success || broken.length > 0) {
    throw new SettingsError([
      ...broken.map((name) => `${name} contains a line break or another control character`),
      ...malformed.map(({ path, message }) => `${path.join('.')} ${message}`),
    ]);
  }
  return read.data;
}

/**
 * Schedules may contain other settings (`%NAME%`), which the Functions host replaces before NCrontab parses the
 * schedule.
 */
const SCHEDULES: readonly string[] = ['KEEP_ALIVE_SCHEDULE', 'PRODUCTS_SCHEDULE'];

/** SQL may contain line breaks. Control characters in schedules are checked when the schedule is parsed. */
const MAY_HOLD_CONTROL_CHARACTERS: readonly string[] = ['PRODUCTS_QUERY', 'SKUS_QUERY', ...SCHEDULES];

/** Trims white space, which copied values often have. An empty value counts as absent. */
function presentValues(env: Environment, names: readonly string[]): Record<string, string> {
  const values = names.map((name) => [name, env[name]?.trim() ?? ''] as const);
  return Object.fromEntries(
    values
      .filter(([, value]) => value !== '')
      .map(([name, value]) => [
        name,
        SCHEDULES.includes(name) ? (resolveSettingNames(value, env) ?? value) : value,
      ]),
  );
}
