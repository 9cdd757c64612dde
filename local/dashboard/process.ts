import * as z from 'zod';
import { startJob } from '../../analytics/job';
import { openHub } from '../openHub';
import { runPartsAsChild, takeOverListener } from '../childProcess';
import { startDashboardServer } from './server';
import { createView } from './view';

/** The environment variables of the process. */
const environment = z.object({
  DASHBOARD_PORT: z.coerce.number(),
  ANALYTICS_QUERY: z.string(),
  ANALYTICS_EVENTHUB_CONNECTION: z.string(),
  ANALYTICS_CONSUMERGROUP: z.string(),
  ANALYTICS_STORAGE: z.string(),
  ANALYTICS_CONTAINER: z.string(),
  ANALYTICS_RESULTS: z.string(),
  /** of the demo shop; empty without one */
  SHOP_URL: z.string(),
});
export type DashboardEnvironment = Record<keyof z.infer<typeof environment>, string>;

/**
 * Runs the analytics job and its dashboard in a separate process, so that a busy query does not slow down other parts.
 */
export function main(): Promise<void> {
  return runPartsAsChild(
    async (running) => {
      const options = environment.parse(process.env);
      const job = await startJob({
        queryFile: options.ANALYTICS_QUERY,
        openHub,
        eventHubConnection: options.ANALYTICS_EVENTHUB_CONNECTION,
        consumerGroup: options.ANALYTICS_CONSUMERGROUP,
        storageConnection: options.ANALYTICS_STORAGE,
        container: options.ANALYTICS_CONTAINER,
        resultsFile: options.ANALYTICS_RESULTS,
        log: console.error,
      });
      running.push(job);
      const server = await startDashboardServer({
        port: (await takeOverListener()) ?? options.DASHBOARD_PORT,
        view: createView(job, options.ANALYTICS_QUERY),
        job,
        shopUrl: options.SHOP_URL,
      });
      running.push(server);
      return `dashboard ready ${server.url}`;
    },
    () => '--dashboard-port',
  );
}
