/** Tokens of the policies of an emulated hub, for the benches. */

import { SharedAccessSignature } from 'azure-iot-common';
import { HUB_HOST_NAME, POLICIES, type PolicyName } from '../emulator/index';

const DAY_S = 86_400;

/** A token for the whole hub, which a policy has signed. */
export function policyToken(policy: PolicyName): string {
  const expiry = Math.round(Date.now() / 1_000) + DAY_S;
  return SharedAccessSignature.create(HUB_HOST_NAME, policy, POLICIES[policy].key, expiry).toString();
}
