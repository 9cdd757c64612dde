export { BATCH_CONTENT_TYPE, readBatch } from './batch';
export { MAX_MESSAGE_BYTES, messageSize, quotaExceeded, tooLarge } from './limits';
export { headerPairs, sortHeaders } from './messageHeaders';
