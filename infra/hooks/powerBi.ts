/** Prepares the Power BI workspace: finds or creates it, and gives the job access to it. */

import { type HookContext, optional, required } from './context';
import { HookError, RestError } from './rest';

const MAY_WRITE = ['Admin', 'Member', 'Contributor'];

interface Listed<T> {
  value: T[];
}

interface Named {
  id: string;
  name: string;
}

interface WorkspaceUser {
  identifier: string;
  groupUserAccessRight: string;
}

/** Whether the deployment writes rows to Power BI, and not to event hubs. */
export function usesPowerBi(context: HookContext): boolean {
  return (optional(context, 'ANALYTICS_OUTPUT') ?? 'powerBi') === 'powerBi';
}

/**
 * Finds the workspace by its id or its name, or creates it, and stores its id for the deployment. Each environment has
 * its own workspace, because several outputs must not write to one dataset (power-bi-output).
 *
 * @throws {HookError} if this login cannot see the workspace, or may not create it
 */
export async function ensureWorkspace(context: HookContext): Promise<void> {
  const { endpoints, rest, log, remember, whatIf } = context;
  const id = optional(context, 'POWERBI_WORKSPACE_ID');
  const name =
    optional(context, 'POWERBI_WORKSPACE_NAME') ?? `Hubfront ${required(context, 'AZURE_ENV_NAME')}`;
  const filter = id ? `id eq '${id}'` : `name eq '${name.replaceAll("'", "''")}'`;
  const found = (await explained(
    rest(`${endpoints.powerBi}/groups?$filter=${encodeURIComponent(filter)}`),
    'list workspaces',
  )) as Listed<Named>;
  const workspace = found.value[0];
  if (workspace && id) {
    if (workspace.name !== name) remember('POWERBI_WORKSPACE_NAME', workspace.name);
    log(`Power BI: workspace ${workspace.name} exists`);
  } else if (workspace) {
    remember('POWERBI_WORKSPACE_ID', workspace.id);
    log(`Power BI: workspace ${name} found`);
  } else if (id) {
    throw new HookError(
      `Power BI has no workspace ${id} for this login. Ask its admin for access to it, or unset POWERBI_WORKSPACE_ID.`,
    );
  } else {
    const created = (await explained(
      rest(`${endpoints.powerBi}/groups?workspaceV2=True`, {
        method: 'POST',
        body: { name },
        creates: true,
        what: `create the Power BI workspace ${name}`,
      }),
      `create the workspace ${name}`,
    )) as Partial<Named & Listed<Named>> | undefined;
    if (created === undefined && whatIf) return;
    // The reference documents the response as the group, and its sample shows a list that contains the group.
    const createdId = created?.id ?? created?.value?.[0]?.id;
    if (createdId === undefined) throw new HookError(`Power BI returned no id for the workspace ${name}.`);
    remember('POWERBI_WORKSPACE_ID', createdId);
    log(`Power BI: workspace ${name} created`);
  }
}

/** Allows the job's identity to write to the workspace, which Azure Resource Manager cannot do. */
export async function ensureContributor(context: HookContext): Promise<void> {
  const { rest, log } = context;
  const users = `${workspaceUrl(context)}/users`;
  const identifier = required(context, 'STREAM_ANALYTICS_PRINCIPAL_ID');
  const { value } = (await explained(
    rest(users),
    'list the users of the workspace',
  )) as Listed<WorkspaceUser>;
  const user = value.find((one) => one.identifier.toLowerCase() === identifier.toLowerCase());
  if (user && MAY_WRITE.includes(user.groupUserAccessRight)) {
    log(`Power BI: the job already is ${user.groupUserAccessRight}`);
    return;
  }
  await explained(
    rest(users, {
      method: user ? 'PUT' : 'POST',
      body: { identifier, groupUserAccessRight: 'Contributor', principalType: 'App' },
      what: `make the job's identity ${identifier} Contributor of the workspace`,
    }),
    'add the identity of the job to the workspace',
  );
  if (!context.whatIf) log('Power BI: the job is now Contributor');
}

/** Ids of the workspace's datasets, by name. */
export async function datasetIds(context: HookContext): Promise<Map<string, string>> {
  const listed = await explained(context.rest(`${workspaceUrl(context)}/datasets`), 'list datasets');
  return new Map((listed as Listed<Named>).value.map(({ id, name }) => [name, id]));
}

function workspaceUrl(context: HookContext): string {
  return `${context.endpoints.powerBi}/groups/${required(context, 'POWERBI_WORKSPACE_ID')}`;
}

/**
 * Explains what to do if Power BI rejects a request. Power BI's own message names neither the missing permission nor
 * the setting.
 */
export async function explained<T>(request: Promise<T>, what: string): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof RestError) || (error.status !== 401 && error.status !== 403)) throw error;
    throw new HookError(
      `Power BI does not let this login ${what} (${error.message}). It needs: a Power BI Pro licence; the role Admin ` +
        'in the workspace; and a Fabric administrator who allows the tenant settings "Create workspaces" (for people), or ' +
        '"Service principals can create workspaces, connections, and deployment pipelines" and "Service principals can ' +
        'call Fabric public APIs" (for a service principal). Then run azd provision again: it continues from here. To do ' +
        'without Power BI: azd env set ANALYTICS_OUTPUT eventHub.',
    );
  }
}
