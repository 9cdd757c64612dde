/** The emulator's admin page, in Chromium. */

import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestBrowser, browserProgram, launchBrowser } from '../clients/browser';
import { startHub, type TestHub } from './hub';

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const MODES = [
  { name: 'light', colorScheme: 'light', forcedColors: 'none' },
  { name: 'dark', colorScheme: 'dark', forcedColors: 'none' },
  { name: 'forced colours', colorScheme: 'dark', forcedColors: 'active' },
] as const;
const HTML = '<img src=x onerror="document.title=1">';

let hub: TestHub;
let browser: TestBrowser | undefined;
let page: Page;
const problems: string[] = [];
beforeAll(async () => {
  hub = await startHub({
    partitions: 2,
    seed: {
      devices: [
        { deviceId: 'fridge', tags: { note: HTML }, desired: { interval: 30 } },
        { deviceId: "door!'()", modules: [{ moduleId: 'lock', desired: { isOpen: true } }] },
      ],
      telemetry: [{ deviceId: 'fridge', body: HTML, properties: { note: HTML } }],
    },
  });
  if (!browserProgram) return;
  browser = await launchBrowser();
  // axe is a script that the page's own policy does not allow.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, bypassCSP: true });
  page = await context.newPage();
  page.on('pageerror', (error) => problems.push(String(error)));
});
afterAll(async () => {
  await browser?.close();
  await hub.close();
});

const open = async (): Promise<void> => {
  await page.goto(`${hub.emulator.endpoint}/_emulator`);
  await page.getByRole('cell', { name: 'fridge', exact: true }).first().waitFor();
};

test('the page and its files have a policy that allows nothing else, and are not for other hosts and pages', async () => {
  const response = await hub.call('GET', '/_emulator/state');
  expect(response.json.hostName).toBe('hubfront.azure-devices.localhost');
  const foreign = { 'sec-fetch-site': 'cross-site' };
  for (const path of [
    '/_emulator/',
    '/_emulator/page.js',
    '/_emulator/devices',
    '/_emulator/messages/latest',
  ]) {
    expect(await hub.call('GET', path, undefined, foreign)).toMatchObject({ status: 403 });
  }
});

describe.skipIf(!browserProgram)('the page', () => {
  beforeEach(open);

  test('shows devices, connections and messages, as text only', async () => {
    const device = await hub.connect('sensor');
    await page.getByRole('row', { name: 'sensor enabled Connected' }).waitFor();
    await device.publishAsync('devices/sensor/messages/events/', '{"temperature":4}', { qos: 1 });
    await page.getByRole('cell', { name: '{"temperature":4}' }).waitFor();
    await device.endAsync();
    await page.getByRole('row', { name: 'sensor enabled Disconnected' }).waitFor();
    expect(await page.getByRole('cell', { name: HTML, exact: true }).count()).toBe(1);
    expect(await page.locator('td img').count()).toBe(0);
    expect(await page.title()).toBe('IoT Hub emulator');
  });

  test("shows a device's twin, and returns the focus", async () => {
    const show = page.getByRole('button', { name: 'Show the twin of fridge' });
    await show.click();
    await page.locator('#twin-json', { hasText: '"interval": 30' }).waitFor();
    expect(await page.locator('#twin-json img').count()).toBe(0);
    await page.getByRole('button', { name: 'Close the twin' }).click();
    expect(await page.evaluate('document.activeElement.id')).toBe('twin of fridge');
    await page.getByRole('button', { name: "Show the twin of door!'()", exact: true }).click();
    await page.locator('#twin-json', { hasText: '"deviceId": "door!' }).waitFor();
    await page.getByRole('row', { name: "door!'()/lock module Disconnected" }).waitFor();
    await page.getByRole('button', { name: "Show the twin of door!'()/lock" }).click();
    await page.locator('#twin-json', { hasText: '"isOpen": true' }).waitFor();
  });

  test('causes and clears faults, and says what is wrong', async () => {
    await page.getByLabel('Kind').selectOption('throttle');
    await page.getByRole('button', { name: 'Cause the fault' }).click();
    await page.getByRole('status').filter({ hasText: 'target' }).waitFor();
    await page.getByLabel('target').selectOption('telemetry');
    await page.getByLabel('times').fill('2');
    await page.getByLabel('filter.deviceId').fill('fridge');
    await page.getByRole('button', { name: 'Cause the fault' }).click();
    const clear = page.getByRole('button', { name: /^Clear the fault throttle \d+$/ });
    await clear.waitFor();
    expect(hub.emulator.admin.faults()).toMatchObject([
      { fault: { kind: 'throttle', target: 'telemetry', filter: { deviceId: 'fridge' } }, remaining: 2 },
    ]);
    await clear.click();
    await expect.poll(() => hub.emulator.admin.faults()).toEqual([]);
    await page.getByLabel('Kind').selectOption('closeConnections');
    await page.getByRole('button', { name: 'Cause the fault' }).click();
    await page.getByRole('status').filter({ hasText: 'affected 0' }).waitFor();
  });

  test.each(MODES)(
    'has no accessibility problems in $name',
    { tags: 'full' },
    async ({ colorScheme, forcedColors }) => {
      await page.emulateMedia({ colorScheme, forcedColors });
      await page.getByRole('button', { name: 'Show the twin of fridge' }).click();
      await page.locator('#twin-json', { hasText: 'interval' }).waitFor();
      await page.evaluate(AXE);
      const { violations } = await page.evaluate<AxeResults>('axe.run()');
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      expect(problems).toEqual([]);
    },
  );
});
