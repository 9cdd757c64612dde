import type { CsvFormat } from './fileFormat';
import { type InputFile, openInputFile } from './inputFile';

/** The files of a run. Each is opened once, because a pipe can be read only once, and several sources may read it. */
export interface InputFiles {
  /** @throws as {@link openInputFile} */
  open: (file: string) => Promise<InputFile>;
  /** Removes what reading the files needed. */
  close: () => Promise<void>;
}

/**
 * @param events files of events; the others are reference data
 * @param csv files that are CSV whatever their names are
 */
export function createInputFiles(
  events: ReadonlySet<string>,
  csv: ReadonlyMap<string, CsvFormat>,
): InputFiles {
  const opened = new Map<string, InputFile>();
  return {
    open: async (file) => {
      const found =
        opened.get(file) ??
        (await openInputFile(file, events.has(file) ? 'events' : 'reference', csv.get(file)));
      opened.set(file, found);
      return found;
    },
    close: async () => {
      for (const one of opened.values()) await one.close();
    },
  };
}
