/** The local data of a project's inputs: what a run reads instead of a hub, a storage account or a database. */

import { dirname } from 'node:path';
import * as z from 'zod';
import { requireReadable } from './fileAccess';
import type { CsvFormat } from './fileFormat';
import { ProjectError, projectPath } from './projectFiles';

export interface LocalInput {
  /** the name in the query, in any case */
  alias: string;
  /** absolute, or of another machine */
  file: string;
  /** in lower case; empty: the name and content of the file decide */
  format: string;
  csv: CsvFormat;
}

/** The formats of local data (https://learn.microsoft.com/azure/stream-analytics/visual-studio-code-local-run-all). */
const FORMATS = ['', 'json', 'csv', 'avro'];

/** Names of fields differ between versions of the tools. */
export const localInputSchema = z.object({
  InputAlias: z.string().nullish(),
  Name: z.string().nullish(),
  Format: z.string().nullish(),
  Serialization: z.object({ Type: z.string().nullish(), FieldDelimiter: z.string().nullish() }).nullish(),
  FilePath: z.string(),
});

/** @param definition the file that defines it, from which its path starts */
export const localInput = (
  { InputAlias, Name, Format, Serialization, FilePath }: z.infer<typeof localInputSchema>,
  definition: string,
): LocalInput => ({
  alias: InputAlias ?? Name ?? '',
  file: projectPath(dirname(definition), FilePath),
  format: (Serialization?.Type ?? Format ?? '').toLowerCase(),
  csv: { delimiter: Serialization?.FieldDelimiter ?? undefined },
});

/** The local data of one input. @throws {ProjectError | UsageError} if a file of it cannot be read */
export async function localInputsOf(inputs: readonly LocalInput[], name: string): Promise<LocalInput[]> {
  const own = inputs.filter(({ alias }) => alias.toLowerCase() === name.toLowerCase());
  for (const { file, format } of own) {
    if (!FORMATS.includes(format))
      throw new ProjectError(
        `the local data of the input '${name}' has the format ${format}: it can be JSON, CSV or Avro`,
      );
    await requireReadable(file);
  }
  return own;
}

/** The files that are CSV whatever their names are. */
export const csvFiles = (inputs: readonly LocalInput[]): Map<string, CsvFormat> =>
  new Map(inputs.filter(({ format }) => format === 'csv').map(({ file, csv }) => [file, csv]));
