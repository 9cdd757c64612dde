import { setTimeout as delay } from 'node:timers/promises';
import { appUrl } from './appService';
import type { HookContext } from './context';
import { HookError } from './rest';

/** App Service may need some minutes until a new role takes effect or a new secret is visible. */
const MAX_POLLS = 60;

interface Reference {
  name: string;
  properties: { status: string; secretName?: string; vaultName?: string; details?: string };
}

interface Page {
  value: Reference[];
  nextLink?: string | null;
}

/**
 * Waits until every Key Vault reference in the app's settings is resolved. App Service retries a failed reference only
 * within a day, so each round refreshes them first.
 *
 * @throws {HookError} naming the settings that stay unresolved, with App Service's reason
 */
export async function resolveSecretReferences(context: HookContext): Promise<void> {
  const { rest, log, whatIf, pollMs } = context;
  let unresolved = await readUnresolved(context);
  if (unresolved.length === 0) return;
  for (let poll = 0; poll < MAX_POLLS && unresolved.length > 0; poll++) {
    await rest(appUrl(context, '/config/configreferences/appsettings/refresh'), {
      method: 'POST',
      what: `make the app read its secrets again: ${unresolved.map(({ name }) => name).join(', ')}`,
    });
    if (whatIf) return;
    await delay(pollMs);
    unresolved = await readUnresolved(context);
  }
  if (unresolved.length > 0) {
    const each = unresolved.map(({ name, properties: { status, secretName, vaultName, details } }) => {
      const where = secretName === undefined ? '' : ` (secret ${secretName} of ${vaultName ?? 'the vault'})`;
      return `${name}${where}: ${status}${details ? `, ${details}` : ''}`;
    });
    throw new HookError(
      `Key Vault references are not resolved, so the app cannot read these settings. ${each.join('. ')}. Check that the ` +
        'secret exists and that the app has the role Key Vault Secrets User, then run azd hooks run postdeploy again.',
    );
  }
  log('Functions: all Key Vault references are resolved');
}

async function readUnresolved({ rest, ...context }: HookContext): Promise<Reference[]> {
  const all: Reference[] = [];
  for (
    let next: string | null | undefined = appUrl(
      { rest, ...context },
      '/config/configreferences/appsettings',
    );
    next;
  ) {
    const page = (await rest(next)) as Page;
    all.push(...page.value);
    next = page.nextLink;
  }
  return all.filter(({ properties }) => properties.status !== 'Resolved');
}
