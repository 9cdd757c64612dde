import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { seedSchema, type Seed, type SeedInput } from './seedSchema';

/** A seed that cannot be applied. The message names the path of each error, and contains no values. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

/** A longer list of errors is cut. */
const MAX_ERRORS = 20;

/** An error of a seed: the path of the wrong value, and what is wrong. */
export interface SeedIssue {
  readonly path: string;
  readonly reason: string;
}

/** The error that names the wrong values, up to a number. */
export function seedError(name: string, issues: readonly SeedIssue[]): SeedError {
  const named = issues
    .slice(0, MAX_ERRORS)
    .map(({ path, reason }) => `${path}: ${reason.replace(/\.$/, '')}`);
  const more = issues.length > MAX_ERRORS ? [`and ${issues.length - MAX_ERRORS} more errors`] : [];
  return new SeedError(`${name} is not valid: ${[...named, ...more].join('; ')}`);
}

/** @param seed the path of a JSON file, or its content. @throws SeedError */
export function readSeed(seed: string | SeedInput): Seed {
  const name = typeof seed === 'string' ? seed : 'the seed';
  const json = typeof seed === 'string' ? readJsonFile(seed) : seed;
  const parsed = seedSchema.safeParse(json);
  if (!parsed.success) {
    throw seedError(
      name,
      parsed.error.issues.map(({ path, message }) => ({ path: pathText(path), reason: message })),
    );
  }
  const issues = wrongReferences(parsed.data);
  if (issues.length > 0) throw seedError(name, issues);
  return { ...parsed.data, name };
}

/** `devices[2].desired` */
const pathText = (path: z.core.$ZodIssue['path']): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '') || 'the document';

function readJsonFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SeedError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch (error) {
    throw new SeedError(`${file} is not valid JSON${placeOf(error as Error, text)}`);
  }
}

/** Node's own message would contain a part of the file, which has keys. */
function placeOf({ message }: Error, text: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return `: line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`;
}

/** Each device has an id of its own, and each telemetry message that of a device. */
function wrongReferences({ devices, telemetry }: z.output<typeof seedSchema>): SeedIssue[] {
  const ids = new Set<string>();
  const issues: SeedIssue[] = [];
  for (const [index, { deviceId }] of devices.entries()) {
    if (ids.has(deviceId)) issues.push({ path: `devices[${index}].deviceId`, reason: 'is not unique' });
    ids.add(deviceId);
  }
  for (const [index, { deviceId }] of telemetry.entries()) {
    if (!ids.has(deviceId))
      issues.push({ path: `telemetry[${index}].deviceId`, reason: 'is not the id of a device of the seed' });
  }
  return issues;
}
