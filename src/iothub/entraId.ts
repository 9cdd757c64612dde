import { DefaultAzureCredential } from '@azure/identity';

/** What this file offers to the bundle that loads it lazily. */
export interface EntraId {
  createCredential: typeof createCredential;
}

/** Microsoft Entra ID for the identity registry: the managed identity in Azure, the developer's login elsewhere. */
export function createCredential(): DefaultAzureCredential {
  return new DefaultAzureCredential();
}
