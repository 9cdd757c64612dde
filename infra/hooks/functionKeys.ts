/** Creates the function keys of the app and stores them in Key Vault. */

import { appUrl } from './appService';
import type { HookContext } from './context';
import { ensureSecret } from './keyVault';

const KEEP_ALIVE_KEY = 'keep-alive';

/** A key of one function opens only that function. A host key opens all functions (function-keys-how-to). */
const CALLERS = [
  { key: 'web', functionName: 'registerDevice' },
  { key: 'worker', functionName: 'messageFeed' },
];

interface HostKeys {
  masterKey: string;
  functionKeys: Record<string, string>;
}

/**
 * Creates one key for each kind of caller, so that each can be renewed separately. `web`, which pages publish, opens
 * only `registerDevice`. `worker` opens only `messageFeed`. Existing keys are kept. The keep-alive timer calls several
 * functions, so if it runs, it gets a host key, which is stored in the vault.
 */
export async function ensureFunctionKeys(context: HookContext): Promise<void> {
  const { functionKeys: hostKeys } = await readHostKeys(context);
  for (const { key, functionName } of CALLERS) {
    await ensureFunctionKey(context, functionName, key, hostKeys[key]);
    if (hostKeys[key] !== undefined) await deleteHostKey(context, functionName, key);
  }
  if (context.environment.KEEP_ALIVE_ENABLED?.toLowerCase() === 'true') {
    await ensureKeepAliveKey(context, hostKeys[KEEP_ALIVE_KEY]);
  }
}

/**
 * @param value the value of the host key that the new key replaces, so that callers keep their key; if undefined, Azure
 * creates a value
 */
async function ensureFunctionKey(
  context: HookContext,
  functionName: string,
  key: string,
  value: string | undefined,
): Promise<void> {
  const listed = await context.rest(appUrl(context, `/functions/${functionName}/listkeys`), {
    method: 'POST',
    reads: true,
    notYetOn: 404, // 404: the function was just deployed
  });
  if (key in keysOf(listed)) return;
  await context.rest(appUrl(context, `/functions/${functionName}/keys/${key}`), {
    method: 'PUT',
    body: { properties: { name: key, ...(value === undefined ? {} : { value }) } },
    what: `create the key ${key} of the function ${functionName}`,
  });
  if (!context.whatIf) context.log(`Functions: key ${key} of ${functionName} created`);
}

/** The REST reference wraps the keys in `properties`; Azure Resource Manager also returns them without it. */
function keysOf(listed: unknown): object {
  const body = (listed ?? {}) as { properties?: object };
  return body.properties ?? body;
}

/** Earlier deployments created these keys as host keys, so the public key could read the feed. */
async function deleteHostKey(context: HookContext, functionName: string, key: string): Promise<void> {
  await context.rest(appUrl(context, `/host/default/functionKeys/${key}`), {
    method: 'DELETE',
    absentOn: 404,
    what: `delete the host key ${key}, which opens every function`,
  });
  if (context.whatIf) return;
  context.log(
    `Functions: host key ${key} deleted. It opened every function; with the same value, it now opens only ${functionName}`,
  );
}

async function ensureKeepAliveKey(context: HookContext, existing: string | undefined): Promise<void> {
  const { rest, log, whatIf } = context;
  if (existing === undefined) {
    await rest(appUrl(context, `/host/default/functionKeys/${KEEP_ALIVE_KEY}`), {
      method: 'PUT',
      body: { properties: { name: KEEP_ALIVE_KEY } },
      what: `create the host key ${KEEP_ALIVE_KEY}`,
    });
    if (!whatIf) log(`Functions: host key ${KEEP_ALIVE_KEY} created`);
  }
  await ensureSecret(context, {
    name: 'keep-alive-function-key',
    contentType: 'function key of the keep-alive timer',
    what: `the host key ${KEEP_ALIVE_KEY}`,
    // In a what-if, the key was not created.
    value: async () => (await readHostKeys(context)).functionKeys[KEEP_ALIVE_KEY] ?? '',
  });
}

/** URL of the host keys. */
export async function readHostKeys(context: HookContext): Promise<HostKeys> {
  return (await context.rest(appUrl(context, '/host/default/listKeys'), {
    method: 'POST',
    reads: true, // a POST that only reads
  })) as HostKeys;
}
