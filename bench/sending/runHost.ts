/** The dev host in a process of its own, as on Azure: neither its HTTP side nor the load shares a thread. */
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
