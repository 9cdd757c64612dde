import { BODIES } from './bodies';
import { HEADERS } from './headers';
import { KEYS_AND_ADMIN } from './keys';
import { REQUEST_LINES } from './lines';
import type { RawRequests } from './rawRequest';
import { RESPONSES } from './responses';
import { TARGETS } from './targets';
import { VARIANTS } from './variants';

export { KEYS } from './keys';
export type { RawRequest } from './rawRequest';

/** Requests by name; the real host's responses to them are in `responses.ndjson`. */
export const REQUESTS: RawRequests = {
  ...TARGETS,
  ...REQUEST_LINES,
  ...HEADERS,
  ...BODIES,
  ...KEYS_AND_ADMIN,
  ...RESPONSES,
  ...VARIANTS,
};
