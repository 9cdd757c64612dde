export { createHubHandler } from './hubHandler';
export { createUpgradeHandler } from './upgrade';
