import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { seedSchema, type Seed, type SeedInput } from './seedSchema';

/** A seed that cannot be applied. The message names the path of each error, and contains no values. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

/** @param seed the path of a JSON file, or its content. @throws SeedError */
export function readSeed(seed: string | SeedInput): Seed {
  const name = typeof seed === 'string' ? seed : 'the seed';
  const parsed = seedSchema.safeParse(typeof seed === 'string' ? readJsonFile(seed) : seed);
  if (!parsed.success) {
    const reasons = parsed.error.issues.map(({ path, message }) => `${pathText(path)}: ${message}`);
    throw new SeedError(`${name} is not valid: ${reasons.join('; ')}`);
  }
  assertUnique(parsed.data, name);
  return parsed.data;
}

/** `devices[2].desired` */
export const pathText = (path: z.core.$ZodIssue['path']): string =>
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

function assertUnique({ devices }: Seed, name: string): void {
  const ids = new Set<string>();
  for (const [index, { deviceId }] of devices.entries()) {
    if (ids.has(deviceId))
      throw new SeedError(`${name} is not valid: devices[${index}].deviceId: is not unique`);
    ids.add(deviceId);
  }
}
