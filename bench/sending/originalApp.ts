/**
 * The design of the proof of concept: a device client per request, created from a connection string with the caller's
 * values. The agent connects to the emulator. Without keep-alive, each client has its own connection, as in the Node
 * of that time. With keep-alive, all clients share Node's connections.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { app } from '@azure/functions';
import { Client, Message } from 'azure-iot-device';
import { Http } from 'azure-iot-device-http';

const { IOTHUB_HOSTNAME = '', IOTHUB_ENDPOINT = '', IOTHUB_CA_FILE = '', BENCH_KEEP_ALIVE } = process.env;
const { hostname, port } = new URL(IOTHUB_ENDPOINT);
const ca = readFileSync(IOTHUB_CA_FILE);
const agent = new Agent({ host: hostname, port: Number(port), ca, keepAlive: BENCH_KEEP_ALIVE === 'true' });

interface Body {
  deviceId: string;
  deviceKey: string;
  deviceMessage: unknown;
}

app.http('sendMessage', {
  route: 'messages',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request) => {
    const { deviceId, deviceKey, deviceMessage } = (await request.json()) as Body;
    const client = Client.fromConnectionString(
      `HostName=${IOTHUB_HOSTNAME};DeviceId=${deviceId};SharedAccessKey=${deviceKey}`,
      Http,
    );
    void client.setOptions({ http: { agent } });
    await client.open();
    await client.sendEvent(new Message(JSON.stringify({ deviceId, Data: deviceMessage })));
    await client.close();
    const Data = `1 message(s) from ${deviceId} sent successfully`;
    return { status: 201, jsonBody: { Data }, headers: { 'Access-Control-Allow-Origin': '*' } };
  },
});
