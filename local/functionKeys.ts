import type { FunctionKeys } from './functionsHost';

/**
 * The published keys of the local dev host. They have the levels of the deployed app: the host key opens every
 * function, a function key opens one function.
 */

/** The host key. It is the master key as well, so it also opens the admin endpoints. */
export const LOCAL_HOST_KEY = 'hubfront-local';
/** The key of pages. It opens only `registerDevice`. */
export const LOCAL_WEB_KEY = 'hubfront-web';
/** The key of workers. It opens only `messageFeed`. */
export const LOCAL_WORKER_KEY = 'hubfront-worker';

export const LOCAL_FUNCTION_KEYS: FunctionKeys = {
  master: LOCAL_HOST_KEY,
  functions: { registerDevice: { web: LOCAL_WEB_KEY }, messageFeed: { worker: LOCAL_WORKER_KEY } },
};

/** The demo shop's keys, which stay on its server: one for registration and one for the feed. */
export const LOCAL_SHOP_KEYS = { registration: LOCAL_WEB_KEY, feed: LOCAL_WORKER_KEY };
