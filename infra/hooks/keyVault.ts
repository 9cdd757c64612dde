/** Stores secrets in Key Vault that a hook creates once. */

import { type HookContext, armUrl, required } from './context';

export const VAULT_API = 'api-version=2023-07-01';

/** A secret that a hook creates once and does not change. */
export interface KeptSecret {
  name: string;
  contentType: string;
  /** its name in messages: `put … into the vault` */
  what: string;
  /** called only if the vault has no secret with this name */
  value: () => Promise<string> | string;
}

/** Creates a secret in the vault of the deployment, unless one with this name exists. */
export async function ensureSecret(
  context: HookContext,
  { name, contentType, what, value }: KeptSecret,
): Promise<void> {
  const { rest, log, whatIf } = context;
  const secret = `${vaultUrl(context)}/secrets/${name}?${VAULT_API}`;
  if ((await rest(secret, { absentOn: 404 })) !== undefined) return;
  const vault = required(context, 'KEY_VAULT_NAME');
  await rest(secret, {
    method: 'PUT',
    body: { properties: { value: await value(), contentType } },
    what: `put ${what} into the vault ${vault}`,
  });
  if (!whatIf) log(`Key Vault: ${what} is in the vault ${vault}`);
}

/**
 * @returns whether the vault in azd's environment exists; it does not before the first deployment and after `azd down`
 */
export async function hasVault(context: HookContext): Promise<boolean> {
  return (await context.rest(`${vaultUrl(context)}?${VAULT_API}`, { absentOn: 404 })) !== undefined;
}

function vaultUrl(context: HookContext): string {
  return armUrl(context, `Microsoft.KeyVault/vaults/${required(context, 'KEY_VAULT_NAME')}`);
}
