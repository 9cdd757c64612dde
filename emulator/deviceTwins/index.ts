export { respondToTwinRequest, type TwinRequest, type TwinResponse } from './respondToTwinRequest';
