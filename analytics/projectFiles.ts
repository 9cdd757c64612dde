/** Reads the texts of a project and follows its paths. */

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type * as z from 'zod';

/** Anything wrong with the files of a project, by file. */
export class ProjectError extends Error {}

/** A drive or a share of Windows, which no other system has. */
const OTHER_MACHINE = /^(?:[a-z]:[\\/]|\\\\)/i;

/** The file at a path that may have been written on Windows, which knows no case. */
export function projectPath(folder: string, path: string): string {
  if (sep === '/' && OTHER_MACHINE.test(path)) return path;
  return inItsCase(resolve(folder, path.replaceAll('\\', '/')));
}

/** The path as the file system writes it; as it is given if it does not exist, or if several differ in case only. */
function inItsCase(path: string): string {
  if (existsSync(path) || dirname(path) === path) return path;
  const folder = inItsCase(dirname(path));
  const name = basename(path);
  const entries = existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
  const alike = entries.filter((entry) => entry.toLowerCase() === name.toLowerCase());
  return join(folder, alike.length === 1 ? (alike[0] ?? name) : name);
}

/** Without its byte order mark. @throws {ProjectError} naming the file */
export function readProjectText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ProjectError(`${file} ${missing ? 'does not exist' : 'cannot be read'}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ProjectError(`${file} is not a text in UTF-8`);
  }
}

/** @throws {ProjectError} naming the file */
export function readJsonFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  const text = readProjectText(file);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new ProjectError(`${file} is not valid JSON`);
  }
  const read = schema.safeParse(content);
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
  throw new ProjectError(`${file}: ${problems.join('; ')}`);
}
