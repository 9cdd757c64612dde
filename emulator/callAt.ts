/** Node's timers hold at most 2³¹ - 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls a function at a time, in Unix milliseconds. The wait does not keep the process alive.
 *
 * @returns a function that cancels the call
 */
export function callAt(time: number, work: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    const left = time - Date.now();
    timer = setTimeout(() => (left > MAX_TIMER_MS ? wait() : work()), Math.min(left, MAX_TIMER_MS)).unref();
  };
  wait();
  return () => clearTimeout(timer);
}
