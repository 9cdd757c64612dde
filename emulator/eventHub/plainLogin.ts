import { createHash, timingSafeEqual } from 'node:crypto';
import { saslMechanisms, type SaslMechanisms } from '../amqp';
import type { Hub } from '../hub';
import { isPolicyToken, policyKey } from '../sas';

/** IoT Hub's own form of a user name, with a token as the password (iot-hub-dev-guide-sas, "SASL PLAIN"). */
const POLICY_AT_HUB = /^[^@]+@sas\.root\.(.+)$/i;

/**
 * Checks SASL PLAIN credentials, for policies with ServiceConnect. Event Hubs accepts the name and key of the policy.
 * IoT Hub accepts `<policy>@sas.root.<hub>` and a token.
 */
export const plainMechanisms = (hub: Hub): SaslMechanisms =>
  saslMechanisms((username, password) => {
    const context = hub.sasContext();
    const { hostName, name } = hub.identity;
    const atHub = POLICY_AT_HUB.exec(username);
    if (atHub) {
      const isThisHub = atHub[1]?.toLowerCase() === name;
      return isThisHub && isPolicyToken(password, `${hostName}/messages/events`, 'ServiceConnect', context);
    }
    const key = policyKey(username, 'ServiceConnect', context);
    return key !== undefined && timingSafeEqual(digest(key), digest(password));
  });

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
