/** How much memory a run may use. */

import { totalmem } from 'node:os';
import { UsageError } from './fileAccess';

const MEGABYTE = 1_000_000;

/** As DuckDB's own default. */
const SHARE_OF_MACHINE = 0.8;

/** Enough for most queries, whatever the number of events. */
const FIRST_BYTES = 128 * MEGABYTE;
const GROWTH = 4;

/**
 * A row of DuckDB's vectors has 2,048 values, and a value of text takes 16 bytes. A column has several vectors on its way
 * from the file into its table. Measured for 1,000 and 5,000 columns.
 */
const COLUMN_BYTES = 262_144;
/** So many columns need no more memory than {@link FIRST_BYTES}. */
const FEW_COLUMNS = 100;

/** More than DuckDB's largest limit would be an error of DuckDB. */
const MOST_BYTES = 1e15;

const UNITS: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Reads an amount of memory as DuckDB writes it, such as `4GB` or `512MiB`, in bytes. @throws {UsageError} */
export function readMemory(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMGT]i?B)$/i.exec(text.trim()) ?? [];
  const bytes = Number(amount) * (UNITS[unit.toUpperCase()] ?? NaN);
  if (Number.isNaN(bytes)) throw new UsageError(`--memory ${text}: write an amount such as 4GB or 512MB`);
  if (bytes > MOST_BYTES) throw new UsageError(`--memory ${text} is too much: the most is 1000TB`);
  if (bytes < FIRST_BYTES) throw new UsageError(`--memory ${text} is too little: the least is 128MB`);
  return bytes;
}

/** Bytes that a run may use by default: of the machine, or of the container with less. */
function defaultMemory(): number {
  const machine = totalmem();
  // 0 or more than the machine has: without a limit.
  const container = process.constrainedMemory();
  return SHARE_OF_MACHINE * (container > 0 ? Math.min(machine, container) : machine);
}

/**
 * The limits of DuckDB's memory, in ascending order. DuckDB writes further rows to temporary files, except those of a
 * few operators: an aggregate such as Collect() holds all its values. So a statement that needs more gets the next limit.
 *
 * @param columns number of columns of the events
 * @param most bytes
 */
export function memoryLimits(columns: number, most = defaultMemory()): string[] {
  const limits: number[] = [];
  const first = FIRST_BYTES + COLUMN_BYTES * Math.max(0, columns - FEW_COLUMNS);
  for (let limit = first; limit < most; limit *= GROWTH) limits.push(limit);
  return [...limits, most].map((bytes) => `${Math.floor(bytes / MEGABYTE)}MB`);
}
