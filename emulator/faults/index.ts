export { createFaults, type ArmedFault, type Faults } from './faults';
export {
  armedFault,
  FAULT_KINDS,
  immediateFault,
  isImmediateKind,
  OPERATION_TARGETS,
  OPERATION_TYPES,
  type ArmedFaultSpec,
  type ImmediateEventHubFault,
  type HttpsFaultSpec,
  type ImmediateFaultSpec,
  type OperationTarget,
} from './faultSchema';
