// iot-hub-devguide-messages-c2d and iot-hub-devguide-quotas-throttling.

export const MAX_PENDING_MESSAGES = 50;
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** "The length of this timeout is one minute and can't be changed." */
export const LOCK_MS = 60_000;
/** The defaults of a hub. */
export const DEFAULT_TTL_MS = 60 * 60 * 1_000;
export const MAX_DELIVERY_COUNT = 10;
/** The largest time to live that a hub can be set to. */
export const MAX_TTL_MS = 2 * 24 * 60 * 60 * 1_000;
/** How often the emulator looks for messages that have expired. */
export const EXPIRY_CHECK_MS = 1_000;

// Feedback: iot-hub-devguide-messages-c2d, "Message feedback".
export const FEEDBACK_BATCH_RECORDS = 64;
export const FEEDBACK_INTERVAL_MS = 15_000;
