// @module-tag full

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiDocumentation } from '../../local/openApi/viewer';
import { browserProgram, launchBrowser } from '../clients/browser';
import { type Stack, startStack } from '../stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ pages: apiDocumentation() });
});
afterAll(() => stack.close());

describe.skipIf(!browserProgram)('the documentation of the HTTP API', () => {
  test('shows each operation in a browser', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('pageerror', ({ message }) => errors.push(message));
      await page.goto(`${stack.host.url}/docs`);
      await page.getByText('Read messages after a cursor').waitFor();
      expect(await page.locator('.opblock').count()).toBe(7);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
