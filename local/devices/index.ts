/** `npm run devices`: maintains the identity registry. */
import { Command, InvalidArgumentError } from 'commander';
import { registryProblem } from '../../src/iothub/errors';
import { createHubAgent } from '../../src/iothub/registry/hubAgent';
import { createRegistry } from '../../src/iothub/registry/registryClient';
import { type RegistrySettings, SettingsError, readRegistrySettings } from '../../src/settings';
import { EXAMPLE_FILE, SETTINGS_FILE, fromEnvironment, readSettingsFile } from '../settingsFile';
import { type Pruned, prune } from './prune';

const HOUR_MS = 3_600_000;
const UNITS: Readonly<Record<string, number>> = { h: HOUR_MS, d: 24 * HOUR_MS, w: 168 * HOUR_MS };
/** `lastActivityTime` may be 5 to 10 minutes late (iot-hub-devguide-identity-registry). */
const MIN_UNSEEN_MS = 24 * HOUR_MS;
const INTERRUPTED = 130;

/** @returns when all is done; sets the exit code 1 if a device could not be deleted */
export async function main(argv: readonly string[]): Promise<void> {
  const command = new Command('npm run devices --').description(
    'Maintains the devices of the hub in local.settings.json, or in environment variables of the same names.',
  );
  const withUnseen = (name: string, description: string): Command =>
    command
      .command(name)
      .description(description)
      .requiredOption('--unseen <time>', 'time without activity: 36h, 90d, 12w; at least 1d', parseUnseen);
  withUnseen('list', 'Lists devices that have been inactive for a given time.').action(
    async ({ unseen }: { unseen: number }) => run({ unseen, isDryRun: true }),
  );
  withUnseen(
    'prune',
    'Deletes devices that have been inactive for a given time. Never deletes gateways of visitors.',
  )
    .option('--dry-run', 'only list them', false)
    .action(async ({ unseen, dryRun }: { unseen: number; dryRun: boolean }) =>
      run({ unseen, isDryRun: dryRun }),
    );
  await command.parseAsync([...argv], { from: 'user' });
}

/** @returns ms */
function parseUnseen(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (!(ms >= MIN_UNSEEN_MS))
    throw new InvalidArgumentError('Write a time of at least a day, such as 36h, 90d or 12w.');
  return ms;
}

async function run({ unseen, isDryRun }: { unseen: number; isDryRun: boolean }): Promise<void> {
  const settings = chosenSettings();
  if (!settings) return;
  const agent = createHubAgent(settings);
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
  const since = Date.now() - unseen;
  console.error(`Devices of ${settings.hubHostName} not seen since ${new Date(since).toISOString()}:`);
  try {
    const pruned = await prune({
      registry: createRegistry(settings, agent),
      since,
      idPrefix: settings.visitorIdPrefix,
      isDryRun,
      signal: stop.signal,
      onDevice: ({ deviceId, seenAt }) => {
        if (isDryRun) console.log(`${deviceId}\t${new Date(seenAt).toISOString()}`);
      },
      onProgress: (line) => {
        console.error(line);
      },
    });
    report(pruned, isDryRun);
    if (stop.signal.aborted) stopped();
  } catch (error) {
    if (stop.signal.aborted) stopped();
    else fail(registryProblem(error).message);
  } finally {
    agent.destroy();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

function report({ unseen, deleted, kept, ageless, failures }: Pruned, isDryRun: boolean): void {
  for (const [deviceId, reason] of failures) console.error(`not deleted: ${deviceId}: ${reason}`);
  const skipped =
    `Skipped: ${kept} that are gateways of visitors, connected, or IoT Edge devices; ` +
    `${ageless} that never sent a message and whose age is unknown.`;
  console.error(`${isDryRun ? `${unseen} devices.` : `Deleted ${deleted} of ${unseen} devices.`} ${skipped}`);
  if (failures.size > 0) process.exitCode = 1;
}

function stopped(): void {
  console.error('Stopped. Run the command again to continue.');
  process.exitCode = INTERRUPTED;
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

function chosenSettings(): RegistrySettings | undefined {
  try {
    const names = Object.keys(readSettingsFile(EXAMPLE_FILE) ?? {});
    return readRegistrySettings({ ...readSettingsFile(SETTINGS_FILE), ...fromEnvironment(names) });
  } catch (error) {
    if (error instanceof SettingsError)
      fail(`${error.message} (set them in ${SETTINGS_FILE} or the environment)`);
    else fail((error as Error).message);
    return undefined;
  }
}
