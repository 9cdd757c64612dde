import { app } from '@azure/functions';
import { keepAlive } from './functions/keepAlive';
import { messageFeed } from './functions/messageFeed';
import { registerDevice } from './functions/registerDevice';
import { sendMessage } from './functions/sendMessage';
import { startUp } from './startup';

const startup = startUp(process.env);

registerDevice(startup);
sendMessage(startup);
messageFeed(startup);
keepAlive(startup);

app.hook.appStart(() => {
  // Not awaited: registration waits for nothing, and who has the first request may find the connections open.
  if (startup.settings) void startup.hub().warmUp();
});
app.hook.appTerminate(() => {
  if (startup.settings) startup.hub().close();
});
