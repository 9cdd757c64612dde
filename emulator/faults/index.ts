export { createFaults, type ArmedFault, type Faults } from './faults';
export {
  armedFault,
  FAULT_KINDS,
  immediateFault,
  isImmediateKind,
  type ArmedFaultSpec,
  type ImmediateEventHubFault,
  type HttpsFaultSpec,
  type ImmediateFaultSpec,
} from './faultSchema';
