import { IotHubError } from '../iotHubError';
import type { Log } from '../log';

/** The data folder cannot be used. The message is one line for the user. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/** Reports what happens to the files of a data folder. */
export interface DataFolderLog {
  /** Something was lost, or could not be done. */
  readonly warn: (line: string) => void;
  /**
   * Runs a write. A failure is logged once, until a write succeeds again.
   *
   * @throws IotHubError ServiceUnavailable instead of Node's error
   */
  readonly attempt: <Result>(write: () => Result) => Result;
}

export function createDataFolderLog(
  folder: string,
  log: Pick<Log, 'error' | 'warn' | 'info'>,
): DataFolderLog {
  let isFailing = false;
  return {
    warn: log.warn,
    attempt(write) {
      try {
        const result = write();
        if (isFailing) log.info(`${folder}: writes succeed again`);
        isFailing = false;
        return result;
      } catch (error) {
        const { code = 'unknown error' } = error as NodeJS.ErrnoException;
        if (!isFailing) log.error(`${folder}: a write failed (${code}). Requests that change state get 503`);
        isFailing = true;
        throw new IotHubError('ServiceUnavailable', 'The hub cannot store the change, please retry.');
      }
    },
  };
}
