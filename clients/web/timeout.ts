/**
 * Rejects with an `Error` if the promise has not settled within `ms` milliseconds. It uses two timers of half the time.
 * If the page was blocked, pending events are handled between them, before the promise is rejected.
 */
export function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer = setTimeout(() => {
      timer = setTimeout(() => {
        reject(new Error(`No response within ${ms} ms`));
      }, ms / 2);
    }, ms / 2);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
