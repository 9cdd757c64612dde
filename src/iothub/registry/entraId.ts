import { ChainedTokenCredential, DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';

/** The exports that the main bundle loads lazily. */
export interface EntraId {
  createCredential: typeof createCredential;
}

/**
 * Credentials of Microsoft Entra ID: in Azure the app's managed identity (`AZURE_CLIENT_ID` selects a user-assigned
 * one), elsewhere the developer's login.
 */
export function createCredential(): ChainedTokenCredential {
  const clientId = process.env.AZURE_CLIENT_ID;
  return new ChainedTokenCredential(
    clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential(),
    new DefaultAzureCredential(),
  );
}
