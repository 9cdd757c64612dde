/** Limits of the Device Provisioning Service (azure-docs: includes/iot-dps-limits.md, "Quotas and limits"). */

export const MAX_REGISTRATIONS = 1_000_000;
export const MAX_INDIVIDUAL_ENROLLMENTS = 1_000_000;
/** Enrollment groups with symmetric keys. */
export const MAX_ENROLLMENT_GROUPS = 100;
export const MAX_LINKED_HUBS = 50;
/** Maximum size of a message, in bytes: of a registration request, and of an enrollment. */
export const MAX_MESSAGE_BYTES = 96 * 1024;

/** Enrollments in a bulk request (rest/api/iot-dps/service, enrollment-group/run-bulk-operation). */
export const MAX_BULK_ENROLLMENTS = 10;
/** The size of a bulk request, in bytes: enough for as many enrollments. */
export const MAX_BULK_BYTES = 1024 * 1024;

/** Page sizes of queries. The service's own are not published. */
export const DEFAULT_PAGE_SIZE = 100;
export const MAX_PAGE_SIZE = 1_000;

/** When a device should ask for the result of its registration. The service itself returns 3 s. */
export const RETRY_AFTER_SECONDS = 1;
