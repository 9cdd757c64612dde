/** The enrollments of one kind, with their ETags, in the order of their creation. */

import type { Journal } from '../dataFolder';
import { isMatch } from '../registry';
import { idIn, makeEnrollment, type Enrollment, type EnrollmentKind } from './enrollment';
import { ProvisioningError } from './provisioningError';

/** `get`, `put` and `remove` throw ProvisioningError; with a data folder, also IotHubError ServiceUnavailable. */
export interface Enrollments {
  readonly kind: EnrollmentKind;
  find(id: string): Enrollment | undefined;
  get(id: string): Enrollment;
  /** @param ifMatch undefined: it must be new; an ETag, with or without quotes, or `*`: it must exist */
  put(id: string, body: unknown, ifMatch: string | undefined): Enrollment;
  remove(id: string, ifMatch: string): void;
  all(): Iterable<Enrollment>;
  /** Removes each enrollment. @throws IotHubError ServiceUnavailable; some of them may have been removed */
  clear(): void;
}

export interface EnrollmentsOptions {
  readonly kind: EnrollmentKind;
  readonly max: number;
  readonly linkedHubs: readonly string[];
  readonly journal: Journal;
  /** Called before an enrollment is removed. If it throws, the enrollment stays. */
  readonly onRemove: (enrollment: Enrollment) => void;
}

export function createEnrollments({
  kind,
  max,
  linkedHubs,
  journal,
  onRemove,
}: EnrollmentsOptions): Enrollments {
  const kept = [...journal.read(kind).values()] as Enrollment[];
  const all = new Map<string, Enrollment>(
    kept.sort((a, b) => a.sequence - b.sequence).map((one) => [one.id.toLowerCase(), one]),
  );
  let lastSequence = kept.at(-1)?.sequence ?? 0;
  const find = (id: string) => all.get(id.toLowerCase());
  const get = (id: string): Enrollment => {
    const enrollment = find(id);
    if (!enrollment) throw new ProvisioningError('NotFound', 'Enrollment not found');
    return enrollment;
  };
  const remove = (enrollment: Enrollment): void => {
    const key = enrollment.id.toLowerCase();
    onRemove(enrollment);
    journal.write([`${kind}/${key}`]);
    all.delete(key);
  };
  return {
    kind,
    find,
    get,
    put(id, body, ifMatch) {
      const previous = find(id);
      if (ifMatch === undefined) {
        if (previous) throw new ProvisioningError('Conflict', 'The enrollment already exists.');
        if (all.size >= max)
          throw new ProvisioningError('QuotaExceeded', `There are ${max} ${kind}s already.`);
      } else {
        assertMatch(get(id).etag, ifMatch);
      }
      if (idIn(kind, body)?.toLowerCase() !== id.toLowerCase()) {
        throw new ProvisioningError('BadRequest', 'The id in the body differs from that in the path.');
      }
      const sequence = previous?.sequence ?? lastSequence + 1;
      const enrollment = makeEnrollment(kind, body, linkedHubs, { previous, sequence });
      journal.write([`${kind}/${enrollment.id.toLowerCase()}`, enrollment]);
      all.set(enrollment.id.toLowerCase(), enrollment);
      lastSequence = Math.max(lastSequence, sequence);
      return enrollment;
    },
    remove(id, ifMatch) {
      const enrollment = get(id);
      assertMatch(enrollment.etag, ifMatch);
      remove(enrollment);
    },
    all: () => all.values(),
    clear: () => [...all.values()].forEach(remove),
  };
}

/** @throws ProvisioningError PreconditionFailed unless `ifMatch` is `*` or the ETag, with or without quotes */
export function assertMatch(etag: string, ifMatch: string): void {
  if (!isMatch(etag, ifMatch)) {
    throw new ProvisioningError('PreconditionFailed', 'The ETag does not match the resource.');
  }
}
