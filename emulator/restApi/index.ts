export { createHubHandler } from './hubHandler';
