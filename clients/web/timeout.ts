/**
 * Rejects with an `Error` if the promise has not settled within `ms` milliseconds. It waits in two halves, so that a
 * page that was busy for longer first handles the events that arrived in the meantime.
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
