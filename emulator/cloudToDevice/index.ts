export {
  ACKNOWLEDGEMENTS,
  type Acknowledgement,
  type CloudMessage,
  type QueuedMessage,
} from './cloudMessage';
export { createMessageQueues, type Ending, type MessageQueues } from './messageQueues';
