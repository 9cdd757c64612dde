/** Publishes the Power BI reports. */

import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type HookContext, required } from './context';
import { datasetIds, explained } from './powerBi';

const REPORTS_FOLDER = join(__dirname, '..', 'powerbi');

/**
 * Publishes the reports that are not in the workspace yet. Each is bound to the dataset with its name, which the job
 * creates with its first rows. Existing reports are not changed, because people edit them.
 */
export async function publishReports(context: HookContext): Promise<void> {
  const { endpoints, rest, log, whatIf } = context;
  const reports = `${endpoints.fabric}/workspaces/${required(context, 'POWERBI_WORKSPACE_ID')}/reports`;
  const datasets = await datasetIds(context);
  const there = await reportNames(context, reports);
  for (const folder of readdirSync(REPORTS_FOLDER).filter((name) => name.endsWith('.Report'))) {
    const name = folder.slice(0, -'.Report'.length);
    const dataset = datasets.get(name);
    if (there.includes(name)) log(`Power BI: report ${name} exists`);
    else if (dataset === undefined)
      log(
        `Power BI: report ${name} waits for its dataset, which the job creates with its first rows. Then run azd hooks run postdeploy`,
      );
    else {
      await explained(
        rest(reports, {
          method: 'POST',
          body: { displayName: name, definition: { parts: definitionParts(folder, dataset) } },
          creates: true,
          operation: true,
          what: `publish the report ${name}`,
        }),
        `publish the report ${name}`,
      );
      if (!whatIf) log(`Power BI: report ${name} published`);
    }
  }
}

/** Fabric returns lists in pages. */
async function reportNames({ rest }: HookContext, address: string): Promise<string[]> {
  const names: string[] = [];
  for (let next: string | null | undefined = address; next;) {
    const page = (await explained(rest(next), 'list reports')) as {
      value: { displayName: string }[];
      continuationUri?: string | null;
    };
    names.push(...page.value.map(({ displayName }) => displayName));
    next = page.continuationUri;
  }
  return names;
}

interface DefinitionPart {
  path: string;
  payload: string;
  payloadType: 'InlineBase64';
}

/** The files of a report (PBIR), with the template's dataset id replaced. */
export function definitionParts(folder: string, datasetId: string): DefinitionPart[] {
  const root = join(REPORTS_FOLDER, folder);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== '.platform')
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, 'utf8').replaceAll('00000000-0000-0000-0000-000000000000', datasetId);
      return {
        path: file.slice(root.length + 1).replaceAll(sep, '/'),
        payload: Buffer.from(text).toString('base64'),
        payloadType: 'InlineBase64',
      };
    });
}
