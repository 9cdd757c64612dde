export {
  ACKNOWLEDGEMENTS,
  type Acknowledgement,
  type CloudMessage,
  type QueuedMessage,
} from './cloudMessage';
export { MAX_PENDING_MESSAGES } from './limits';
export { createMessageQueues, type Ending, type MessageQueues } from './messageQueues';
export { createFeedbackQueue, FEEDBACK_CONTENT_TYPE, type FeedbackQueue } from './feedbackQueue';
