import type { FunctionKeys } from './functionsHost';

/**
 * The published keys of the local dev host, as well known as the emulator's credentials. They have the levels of the
 * deployed app: the host key opens every function, a function key opens one function.
 */

/** The host key. It is the master key as well, so it also opens the admin endpoints. */
export const LOCAL_HOST_KEY = 'hubfront-local';
/** A page may carry this key: it opens `registerDevice` alone. */
export const LOCAL_WEB_KEY = 'hubfront-web';
/** A worker's key: it opens `messageFeed` alone. */
export const LOCAL_WORKER_KEY = 'hubfront-worker';

export const LOCAL_FUNCTION_KEYS: FunctionKeys = {
  master: LOCAL_HOST_KEY,
  functions: { registerDevice: { web: LOCAL_WEB_KEY }, messageFeed: { worker: LOCAL_WORKER_KEY } },
};

/** The demo shop's keys, which stay on its server: a page's key and a worker's. */
export const LOCAL_SHOP_KEYS = { registration: LOCAL_WEB_KEY, feed: LOCAL_WORKER_KEY };
