import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FunctionsHost, type FunctionsHostOptions, startFunctionsHost } from '../../local/functionsHost';

/** A function app of a few lines under the dev host. */
export interface HostApp {
  host: FunctionsHost;
  /** `http://localhost:<port>/api` */
  url: string;
  /** what the host has logged, line by line */
  logged: string[];
  close: () => Promise<void>;
}

/** @param source of the app, which has `app` of `@azure/functions` */
export async function startHostApp(
  source: string,
  options: Partial<FunctionsHostOptions> = {},
): Promise<HostApp> {
  const folder = await mkdtemp(join(process.cwd(), 'node_modules', '.host-test-')); // where @azure/functions resolves
  await writeFile(join(folder, 'package.json'), '{"main":"app.js"}');
  await writeFile(join(folder, 'host.json'), '{"version":"2.0"}');
  await writeFile(join(folder, 'app.js'), `const { app } = require('@azure/functions');\n${source}`);
  const logged: string[] = [];
  const host = await startFunctionsHost({
    appFolder: folder,
    port: 0,
    settings: () => ({}),
    functionKeys: {},
    log: (...said) => logged.push(said.join(' ')), // a second argument would be seen
    ...options,
  });
  return {
    host,
    url: `${host.url}/api`,
    logged,
    close: async () => {
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
