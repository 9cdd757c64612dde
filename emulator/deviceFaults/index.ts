export { applyDeviceFault, type FaultActions } from './applyDeviceFault';
