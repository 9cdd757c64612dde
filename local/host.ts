import { Command } from 'commander';
import { buildApp } from './build';
import { DEFAULT_PORTS } from './defaultPorts';
import { LOCAL_FUNCTION_KEYS } from './functionKeys';
import { startFunctionsHost } from './functionsHost';
import { type Running, closeAll, parsePort, startError, stopOnSignal } from './lifecycle';
import { apiDocumentation } from './openApi/viewer';
import { VERBOSE_HELP, logRequests } from './requestLines';
import { EXAMPLE_FILE, SETTINGS_FILE, fromEnvironment, readSettingsFile } from './settingsFile';

/** `npm run host`: runs only the functions, with the settings of `local.settings.json`. */
export async function main(argv: readonly string[]): Promise<void> {
  const command = new Command('npm run host --')
    .description(`Builds Hubfront and runs its functions with the settings of ${SETTINGS_FILE}.`)
    .option('--port <port>', 'the functions (0: any free port)', parsePort, DEFAULT_PORTS.functions)
    .option('--verbose', VERBOSE_HELP, false)
    .allowExcessArguments(false);
  const { port, verbose } = command
    .parse([...argv], { from: 'user' })
    .opts<{ port: number; verbose: boolean }>();
  const running: Running[] = [];
  stopOnSignal(running);
  try {
    const settings = readSettingsFile(SETTINGS_FILE);
    if (!settings) throw new Error(`there is no ${SETTINGS_FILE}; copy ${EXAMPLE_FILE} to use the emulator`);
    const names = Object.keys({ ...readSettingsFile(EXAMPLE_FILE), ...settings });
    await buildApp();
    const host = await startFunctionsHost({
      appFolder: process.cwd(),
      port,
      settings: () => ({ ...settings, ...fromEnvironment(names) }),
      functionKeys: LOCAL_FUNCTION_KEYS,
      pages: apiDocumentation(),
      log: console.log,
      ...(verbose && { onServed: logRequests(console.log) }),
    });
    running.push(host);
    void host.gaveUp.then(async (reason) => {
      console.error(reason);
      await closeAll(running);
      process.exit(1);
    });
    console.log(`ready ${host.url}`);
  } catch (error) {
    console.error(startError(error, () => '--port'));
    await closeAll(running);
    process.exit(1);
  }
}
