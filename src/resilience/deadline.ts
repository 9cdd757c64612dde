import { setMaxListeners } from 'node:events';
import { Problem } from '../errorCodes';

/**
 * Returns the result of `work`, or throws `hub_timeout` after `deadlineMs`. The Azure SDKs for IoT Hub have no
 * effective timeout and cannot be cancelled. A request that still runs ends with its socket's timeout.
 */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Problem('hub_timeout', `IoT Hub did not respond within ${deadlineMs / 1000} s: ${what}.`, 5),
      );
    }, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the result of `work`, or rejects with the signal's reason when the signal is aborted. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

/** Runs `work` with a signal that is aborted with a `TimeoutError` after `limitMs`. */
export async function withTimeLimit<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  setMaxListeners(0, late.signal); // set before `work` starts, which may add a listener
  const timer = setTimeout(() => {
    late.abort(new DOMException('Out of time', 'TimeoutError'));
  }, limitMs);
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
  }
}
