export { BATCH_CONTENT_TYPE, readBatch } from './batch';
export { assertMessageId, MAX_MESSAGE_BYTES, messageSize, quotaExceeded, tooLarge } from './limits';
export { assertCreationTime, CREATION_TIME, headerPairs, sortHeaders } from './messageHeaders';
export { storeTelemetry, type NewMessage } from './storeTelemetry';
