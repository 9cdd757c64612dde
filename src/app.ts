import { app } from '@azure/functions';
import { keepAlive } from './functions/keepAlive';
import { messageFeed } from './functions/messageFeed';
import { registerDevice } from './functions/registerDevice';
import { sendMessage } from './functions/sendMessage';
import { snapshotProducts } from './functions/snapshotProducts';
import { startUp } from './startup';

/** The host hears first that the functions are registered: running the SDKs' code and setting TLS up takes as long again. */
const WARM_UP_AFTER_MS = 20;
/** A request that has come meanwhile goes first: on one core the rest of the warm-up would hold it up. */
const WARM_UP_AFTER_REQUEST_MS = 1_000;

const startup = startUp(process.env);

registerDevice(startup);
sendMessage(startup);
messageFeed(startup);
keepAlive(startup);
snapshotProducts(startup);

let warming: NodeJS.Timeout | undefined;
const requests = app.hook.preInvocation(() => {
  warmUpAfter(WARM_UP_AFTER_REQUEST_MS);
});
app.hook.appStart(() => {
  warmUpAfter(WARM_UP_AFTER_MS);
});
app.hook.appTerminate(() => {
  if (startup.settings) startup.hub().close();
});

function warmUpAfter(ms: number): void {
  clearTimeout(warming);
  warming = setTimeout(() => {
    requests.dispose();
    if (startup.settings) void startup.hub().warmUp();
  }, ms).unref();
}
