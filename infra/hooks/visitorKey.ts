import { randomBytes } from 'node:crypto';
import { type HookContext, optional } from './context';
import { ensureSecret, hasVault } from './keyVault';

/** What a visitor's key is derived from: as long as the key of an IoT Hub policy, and longer than the app demands. */
const VISITOR_KEY_BYTES = 64;

/**
 * The secret from which the app derives the keys of visitors. It is made once and kept: with another one, every visitor
 * would have to register again.
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
 * Before a deployment to an app that runs already: its setting then refers to a secret that exists. Without it, the app
 * would reject its settings until the reference is read again.
 */
export async function ensureVisitorKeyBefore(context: HookContext): Promise<void> {
  const known = ['AZURE_RESOURCE_GROUP', 'KEY_VAULT_NAME'].every(
    (name) => optional(context, name) !== undefined,
  );
  if (known && (await hasVault(context))) await ensureVisitorKey(context);
}
