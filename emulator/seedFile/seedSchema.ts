/** The format of seed files. */

import { z } from 'zod';
import { ACKNOWLEDGEMENTS, MAX_PENDING_MESSAGES } from '../cloudToDevice';
import {
  assertDeviceId,
  assertKey,
  assertModuleId,
  MAX_MODULES_PER_DEVICE,
  STATUS_REASON_MAX_CHARS,
  thumbprintInput,
} from '../registry';
import { enrollmentGroup, individualEnrollment } from '../provisioning';
import { report } from '../report';
import { MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES, twinDocument } from '../twins';

/** Half of a surrogate pair has no UTF-8: the hub could not send it as it is. */
const isWellFormed = (value: string): boolean => !/\p{Cs}/u.test(value);
const MALFORMED = 'has half of a surrogate pair';

const anyText = z.string().refine(isWellFormed, MALFORMED);
const text = anyText.min(1);
const properties = z.record(anyText, anyText).default({});

/** A text is sent as it is, any other value as JSON, which escapes half of a surrogate pair. */
const body = z.json().refine((value) => typeof value !== 'string' || isWellFormed(value), MALFORMED);

/** A string that one of the registry's rules accepts. */
const checked = (assert: (value: string) => void) =>
  anyText.superRefine((value, context) => report(context, () => assert(value)));
const key = checked(assertKey);
const thumbprint = thumbprintInput;

/** A part of a device's identity in the registry, in the form of the registry's REST API. */
const authentication = z.strictObject({
  type: z.enum(['sas', 'selfSigned', 'certificateAuthority', 'none']).optional(),
  /** Base64 of 16 to 64 bytes. The emulator creates a key that is absent. */
  symmetricKey: z.strictObject({ primaryKey: key, secondaryKey: key.optional() }).optional(),
  x509Thumbprint: z
    .strictObject({ primaryThumbprint: thumbprint.optional(), secondaryThumbprint: thumbprint.optional() })
    .optional(),
});

/** A cloud-to-device message. */
const message = z.strictObject({
  body,
  messageId: text.optional(),
  correlationId: text.optional(),
  contentType: text.optional(),
  contentEncoding: text.optional(),
  ack: z.enum(ACKNOWLEDGEMENTS).default('none'),
  /** Absent: an hour. */
  expiresInSeconds: z.number().positive().optional(),
  properties,
});

const twin = {
  tags: twinDocument('tags', MAX_TAGS_BYTES).optional(),
  desired: twinDocument('desired', MAX_PROPERTIES_BYTES).optional(),
};

const module = z.strictObject({
  moduleId: checked(assertModuleId),
  managedBy: anyText.optional(),
  authentication: authentication.optional(),
  ...twin,
});

const device = z.strictObject({
  deviceId: checked(assertDeviceId),
  status: z.enum(['enabled', 'disabled']).optional(),
  statusReason: anyText.max(STATUS_REASON_MAX_CHARS).optional(),
  authentication: authentication.optional(),
  capabilities: z.strictObject({ iotEdge: z.boolean() }).optional(),
  ...twin,
  modules: z
    .array(module)
    .max(MAX_MODULES_PER_DEVICE, `has more than ${MAX_MODULES_PER_DEVICE} modules`)
    .default([]),
  /** Messages that wait for the device. */
  messages: z
    .array(message)
    .max(MAX_PENDING_MESSAGES, `has more than ${MAX_PENDING_MESSAGES} messages`)
    .default([]),
});

/** A device-to-cloud message. */
const telemetry = z.strictObject({
  deviceId: text,
  body,
  messageId: text.optional(),
  correlationId: text.optional(),
  contentType: text.optional(),
  contentEncoding: text.optional(),
  properties,
});

/** The first state of a hub. */
export const seedSchema = z.strictObject({
  devices: z.array(device).default([]),
  /** Stored in this order. */
  telemetry: z.array(telemetry).default([]),
  /** The first state of the Device Provisioning Service. */
  provisioning: z
    .strictObject({
      enrollments: z.array(individualEnrollment.strict()).default([]),
      enrollmentGroups: z.array(enrollmentGroup.strict()).default([]),
    })
    .optional(),
});

export type SeedInput = z.input<typeof seedSchema>;
/** `name`: the path of the file, or `the seed`. Errors begin with it. */
export type Seed = z.output<typeof seedSchema> & { readonly name: string };
export type SeedDevice = Seed['devices'][number];
export type SeedModule = SeedDevice['modules'][number];
