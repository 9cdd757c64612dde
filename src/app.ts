import { app } from '@azure/functions';
import { keepAlive } from './functions/keepAlive';
import { messageFeed } from './functions/messageFeed';
import { registerDevice } from './functions/registerDevice';
import { sendMessage } from './functions/sendMessage';
import { snapshotProducts } from './functions/snapshotProducts';
import { startUp } from './startup';

/** The host hears first that the functions are registered: running the SDKs' code and setting TLS up takes as long again. */
const WARM_UP_AFTER_MS = 20;

const startup = startUp(process.env);

registerDevice(startup);
sendMessage(startup);
messageFeed(startup);
keepAlive(startup);
snapshotProducts(startup);

app.hook.appStart(() => {
  setTimeout(() => {
    if (startup.settings) void startup.hub().warmUp();
  }, WARM_UP_AFTER_MS).unref();
});
app.hook.appTerminate(() => {
  if (startup.settings) startup.hub().close();
});
