import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const hostJson: {
  telemetryMode?: string;
  logging: {
    logLevel: Record<string, string>;
    applicationInsights: { samplingSettings: { excludedTypes: string } };
  };
} = JSON.parse(readFileSync('host.json', 'utf8'));

const LEVELS = ['Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical', 'None'];

/** Whether a log line is sent: the longest category that it begins with decides (functions-host-json, logLevel). */
function isSent(category: string, level: string): boolean {
  const rules = Object.entries(hostJson.logging.logLevel).filter(
    ([rule]) => rule === 'default' || category === rule || category.startsWith(`${rule}.`),
  );
  const length = (rule: string): number => (rule === 'default' ? 0 : rule.length);
  const [, minimum = 'Information'] = rules.toSorted(([a], [b]) => length(b) - length(a))[0] ?? [];
  return LEVELS.indexOf(level) >= LEVELS.indexOf(minimum);
}

/** What host 4.1037 logs for one successful send, by category; all at Information. */
const TRACES_OF_A_SEND = [
  'Microsoft.Azure.WebJobs.Script.WebHost.Middleware.SystemTraceMiddleware', // Executing HTTP request
  'Function.sendMessage', // Executing 'Functions.sendMessage'
  'Function.sendMessage', // Executed 'Functions.sendMessage'
  'Host.Results', // the row of AppRequests
  'Microsoft.Azure.WebJobs.Script.WebHost.Middleware.SystemTraceMiddleware', // Executed HTTP request
];

describe('the telemetry of the host', () => {
  it('is sent by the path that is documented for Microsoft Entra authentication', () => {
    // With telemetryMode OpenTelemetry, host 4.1037 sends no token: docs/decisions.
    expect(hostJson).not.toHaveProperty('telemetryMode');
  });

  it('of a successful send is its request, and nothing else', () => {
    expect(TRACES_OF_A_SEND.filter((category) => isSent(category, 'Information'))).toEqual(['Host.Results']);
  });

  it('has every warning and error', () => {
    for (const category of [...TRACES_OF_A_SEND, 'Worker.rpcWorkerProcess', 'Function.sendMessage.User']) {
      expect(isSent(category, 'Warning'), category).toBe(true);
    }
  });

  it('has the lines that the app writes, of every function', () => {
    const names = readdirSync('src/functions').flatMap((file) =>
      [...readFileSync(`src/functions/${file}`, 'utf8').matchAll(/app\.(?:http|timer)\(\s*'(\w+)'/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(names.length).toBeGreaterThan(4);
    const silent = names.filter((name) => !isSent(`Function.${name}.User`, 'Information'));
    expect(silent).toEqual(['registerDevicePreflight']); // which writes none
  });

  it('keeps exceptions and the lines that alerts read when it samples', () => {
    expect(hostJson.logging.applicationInsights.samplingSettings.excludedTypes.split(';')).toEqual(
      expect.arrayContaining(['Exception', 'Trace']),
    );
  });
});
