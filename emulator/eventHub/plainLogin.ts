import { createHash, timingSafeEqual } from 'node:crypto';
import { saslMechanisms } from '../amqp';
import type { Hub } from '../hub';
import { policyKey } from '../sas';

/** SASL PLAIN takes the name and the key of a shared access policy that may connect to the service side. */
export const plainMechanisms = (hub: Hub) =>
  saslMechanisms((username, password) => {
    const key = policyKey(username, 'ServiceConnect', hub.sasContext());
    return key !== undefined && timingSafeEqual(digest(key), digest(password));
  });

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
