import { randomBytes } from 'node:crypto';
import { type HookContext, optional } from './context';
import { ensureSecret, hasVault } from './keyVault';

/** Length of the secret, as long as the key of an IoT Hub policy, and longer than the app requires. */
const VISITOR_KEY_BYTES = 64;

/**
 * Creates the secret from which the app derives the keys of visitors. It is created once and kept, because with
 * another secret every visitor would have to register again.
 */
export async function ensureVisitorKey(context: HookContext): Promise<void> {
  if (optional(context, 'VISITOR_DEVICES') === '0') return;
  await ensureSecret(context, {
    name: 'visitor-key',
    contentType: 'base64; several with commas, the current one first',
    what: 'the secret of visitors',
    value: () => randomBytes(VISITOR_KEY_BYTES).toString('base64'),
  });
}

/**
 * Creates the secret before a deployment to an existing app, so that the new setting refers to an existing secret.
 * Otherwise the app would reject its settings until the reference is read again.
 */
export async function ensureVisitorKeyBefore(context: HookContext): Promise<void> {
  const known = ['AZURE_RESOURCE_GROUP', 'KEY_VAULT_NAME'].every(
    (name) => optional(context, name) !== undefined,
  );
  if (known && (await hasVault(context))) await ensureVisitorKey(context);
}
