import { type FunctionKeys, MASTER_KEY } from './functionsHost';

/** The published function key of the local dev host, as well known as the emulator's credentials. */
export const LOCAL_FUNCTION_KEY = 'hubfront-local';

/** It opens admin functions too: everything listens on the loopback interface alone. */
export const LOCAL_FUNCTION_KEYS: FunctionKeys = { [MASTER_KEY]: LOCAL_FUNCTION_KEY };
