import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENT_HUB_NAME, type AdminApi, type HubState, POLICIES } from '../emulator/index';

/**
 * Runs the emulator in a separate process, so that neither side of a ratio shares its thread.
 *
 * @param base the folder of another checkout whose emulator is run; absent: the emulator of this one
 */
export async function startEmulatorProcess(partitions: number, base?: string) {
  const caFolder = await mkdtemp(join(tmpdir(), 'hubfront-bench-'));
  const flags = [
    '--hub-port',
    '0',
    '--amqp-port',
    '0',
    ...(base === undefined ? ['--mqtt-port', '0'] : []), // an older emulator has no MQTT
    '--partitions',
    String(partitions),
    '--ca-folder',
    caFolder,
  ];
  const child = spawn(process.execPath, ['local/launch.mjs', 'emulator', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: base,
  });
  const [hubPort = 0, amqpPort = 0, mqttPort = 0] = await new Promise<number[]>((resolve) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      const ready = /^emulator ready \S+:(\d+) \S+:(\d+)(?: \S+:(\d+))?$/m.exec(out);
      if (ready) resolve(ready.slice(1).map(Number));
    });
  });
  const caFile = join(caFolder, 'ca.pem');
  const agent = new Agent({ ca: await readFile(caFile), keepAlive: true });
  /** Settings of the app for this emulator, or for a proxy in front of it. */
  const settingsAt = (ports: { hubPort: number; amqpPort: number }) => ({
    IOTHUB_HOSTNAME: 'hubfront.azure-devices.localhost',
    IOTHUBOWNER_SHAREDACCESSKEY: POLICIES.iothubowner.key,
    IOTHUB_EVENTHUB_CONNECTION: `Endpoint=sb://127.0.0.1:${ports.amqpPort};SharedAccessKeyName=service;SharedAccessKey=${POLICIES.service.key};EntityPath=${EVENT_HUB_NAME};UseDevelopmentEmulator=true`,
    MESSAGE_POLL_CONSUMERGROUP: 'message-feed',
    IOTHUB_ENDPOINT: `https://127.0.0.1:${ports.hubPort}`,
    IOTHUB_CA_FILE: caFile,
    'AzureWebJobs.keepAlive.Disabled': 'true',
  });
  return {
    hubPort,
    amqpPort,
    mqttPort,
    pid: child.pid ?? 0,
    settingsAt,
    settings: settingsAt({ hubPort, amqpPort }),
    seed: (count: number, seeding: Omit<Parameters<AdminApi['seed']>[0], 'count'> = {}): Promise<HubState> =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify({ deviceId: 'bench', sizeBytes: 200, ...seeding, count });
        request(
          `https://127.0.0.1:${hubPort}/_emulator/telemetry`,
          {
            agent,
            method: 'POST',
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
          },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => (text += part));
            response.on('end', () => {
              resolve(JSON.parse(text) as HubState);
            });
          },
        )
          .on('error', reject)
          .end(body);
      }),
    /** number of device-to-cloud requests that it has received */
    requests: (): Promise<number> =>
      new Promise((resolve, reject) => {
        request(`https://127.0.0.1:${hubPort}/_emulator/state`, { agent }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => {
            resolve((JSON.parse(text) as HubState).requests.telemetry);
          });
        })
          .on('error', reject)
          .end();
      }),
    close: async () => {
      agent.destroy();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await rm(caFolder, { recursive: true, force: true });
    },
  };
}
