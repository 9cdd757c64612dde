/**
 * Runs the dev host in a separate process, as in Azure, so that it does not share a thread with the load generator.
 */
import { startFunctionsHost } from '../../local/functionsHost';

const { BENCH_APP_FOLDER = process.cwd(), BENCH_SETTINGS = '{}', BENCH_KEY = '' } = process.env;

void startFunctionsHost({
  appFolder: BENCH_APP_FOLDER,
  port: 0,
  functionKeys: { host: { bench: BENCH_KEY } },
  log: console.error,
  settings: () => JSON.parse(BENCH_SETTINGS) as Record<string, string>,
}).then((host) => {
  console.log(`ready ${host.port} ${host.workerPid() ?? 0}`);
  process.on('SIGTERM', () => {
    void host.close().then(() => process.exit(0));
  });
});
