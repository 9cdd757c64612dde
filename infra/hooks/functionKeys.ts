import { type HookContext, armUrl, required } from './context';

const WEB_API = 'api-version=2024-04-01';
const VAULT_API = 'api-version=2023-07-01';
const KEEP_ALIVE_SECRET = 'keep-alive-function-key';

interface HostKeys {
  masterKey: string;
  functionKeys: Record<string, string>;
}

/**
 * One function key for each kind of caller, so that each can be renewed alone: `web` for pages, `worker` for the
 * feed, and `keep-alive` for the timer where it runs, which reads its key from the vault. Keys that are there stay.
 */
export async function ensureFunctionKeys(context: HookContext): Promise<void> {
  const { environment, rest, log, whatIf } = context;
  const keepAlive = environment.KEEP_ALIVE_ENABLED?.toLowerCase() === 'true';
  const { functionKeys } = await readKeys(context);
  for (const name of keepAlive ? ['web', 'worker', 'keep-alive'] : ['web', 'worker']) {
    if (functionKeys[name] !== undefined) continue;
    await rest(appUrl(context, `/host/default/functionKeys/${name}`), {
      method: 'PUT',
      // Without a value Azure makes one.
      body: { properties: { name } },
      what: `make the function key ${name}`,
    });
    if (!whatIf) log(`Functions: key ${name} made`);
  }
  if (keepAlive) await ensureKeepAliveSecret(context);
}

async function ensureKeepAliveSecret(context: HookContext): Promise<void> {
  const { rest, log, whatIf } = context;
  const vault = required(context, 'KEY_VAULT_NAME');
  const secret = `${armUrl(context, `Microsoft.KeyVault/vaults/${vault}`)}/secrets/${KEEP_ALIVE_SECRET}?${VAULT_API}`;
  if ((await rest(secret, { absentOn: 404 })) === undefined) {
    const value = (await readKeys(context)).functionKeys['keep-alive'];
    await rest(secret, {
      method: 'PUT',
      body: { properties: { value, contentType: 'function key of the keep-alive timer' } },
      what: `put the function key keep-alive into the vault ${vault}`,
    });
  }
  const reference = await rest(
    appUrl(context, '/config/configreferences/appsettings/KEEP_ALIVE_FUNCTION_KEY'),
  );
  if ((reference as { properties: { status: string } }).properties.status === 'Resolved') return;
  // The app has asked for the secret in vain before, and would ask again only after hours.
  await rest(appUrl(context, '/config/configreferences/appsettings/refresh'), {
    method: 'POST',
    what: 'have the app read its secrets anew',
  });
  if (!whatIf) log('Functions: the keep-alive timer has its key');
}

export async function readKeys(context: HookContext): Promise<HostKeys> {
  // A read, in spite of its method.
  return (await context.rest(appUrl(context, '/host/default/listKeys'), {
    method: 'POST',
    reads: true,
  })) as HostKeys;
}

function appUrl(context: HookContext, path: string): string {
  const app = required(context, 'SERVICE_API_NAME');
  return `${armUrl(context, `Microsoft.Web/sites/${app}`)}${path}?${WEB_API}`;
}
