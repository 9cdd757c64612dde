import { setMaxListeners } from 'node:events';
import { Problem } from '../problems';

/**
 * The outcome of `work`, or a `hub_timeout` problem once `deadlineMs` have passed. The Azure SDKs for IoT Hub
 * have no effective timeout and cannot be cancelled: what is still under way is left to its socket's timeout.
 */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Problem('hub_timeout', `IoT Hub did not answer within ${deadlineMs / 1000} s: ${what}.`, 5));
    }, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The outcome of `work`, or a rejection with the signal's reason once it is aborted. */
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

/** Runs `work` with a signal that is aborted, with a `TimeoutError`, once `limitMs` have passed. */
export async function withTimeLimit<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  setMaxListeners(0, late.signal); // whatever `work` does at once may listen
  const timer = setTimeout(() => {
    late.abort(new DOMException('Out of time', 'TimeoutError'));
  }, limitMs);
  try {
    return await work(late.signal);
  } finally {
    clearTimeout(timer);
  }
}
