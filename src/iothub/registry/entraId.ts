import { ChainedTokenCredential, DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';

/** What this file offers to the bundle that loads it lazily. */
export interface EntraId {
  createCredential: typeof createCredential;
}

/**
 * Microsoft Entra ID for the identity registry: the app's managed identity in Azure (`AZURE_CLIENT_ID` chooses a
 * user-assigned one), and elsewhere what the developer is logged in with.
 */
export function createCredential(): ChainedTokenCredential {
  const clientId = process.env.AZURE_CLIENT_ID;
  return new ChainedTokenCredential(
    clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential(),
    new DefaultAzureCredential(),
  );
}
