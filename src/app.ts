import { app } from '@azure/functions';
import { keepAlive } from './functions/keepAlive';
import { messageFeed } from './functions/messageFeed';
import { registerDevice } from './functions/registerDevice';
import { sendMessage } from './functions/sendMessage';
import { snapshotProducts } from './functions/snapshotProducts';
import { startUp } from './startup';

const startup = startUp(process.env);

registerDevice(startup);
sendMessage(startup);
messageFeed(startup);
keepAlive(startup);
snapshotProducts(startup);

app.hook.appStart(() => {
  // Neither awaited nor begun before the functions are registered: setting up TLS alone takes a tenth of the load.
  setImmediate(() => {
    if (startup.settings) void startup.hub().warmUp();
  });
});
app.hook.appTerminate(() => {
  if (startup.settings) startup.hub().close();
});
