export { enrollmentGroup, individualEnrollment, type EnrollmentKind } from './enrollment';
export type { Enrollments } from './enrollments';
export { MAX_LINKED_HUBS } from './limits';
export { createProvisioning, type Provisioning } from './provisioning';
export { ProvisioningError } from './provisioningError';
