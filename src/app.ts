import { app } from '@azure/functions';
import { keepAlive } from './functions/keepAlive';
import { messageFeed } from './functions/messageFeed';
import { registerDevice } from './functions/registerDevice';
import { sendMessage } from './functions/sendMessage';
import { snapshotProducts } from './functions/snapshotProducts';
import { startUp } from './startup';

/**
 * Delay of the warm-up, so that the host registers the functions first. Loading the SDKs and opening TLS takes about as
 * long as the start before it.
 */
const WARM_UP_AFTER_MS = 20;
/** Lets a request that arrived meanwhile run first: on one core, the warm-up would delay it. */
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
