import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { OPENAPI_FILE, openApiYaml } from '../../local/openApi';
import { undocumented } from './responseCheck';

test('the committed description is the one that the schemas of the app give', () => {
  expect(readFileSync(OPENAPI_FILE, 'utf8'), 'run: npm run openapi').toBe(openApiYaml());
});

test("it passes Redocly's recommended rules", async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    // A preflight has no error of its own, and the local server is the first one to try.
    rules: { 'operation-4xx-response': 'off', 'no-server-example.com': 'off' },
  });
  const found = await lintFromString({ source: openApiYaml(), config });
  expect(found.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
});

test('a response that the description lacks is found', () => {
  const seen = {
    method: 'GET',
    path: '/message_feed',
    contentType: 'application/json',
    hasRetryAfter: false,
  };
  const page = { messages: [], next_offset: 'x', has_more: false, gaps: [], incomplete: [] };
  expect(undocumented({ ...seen, status: 200, text: JSON.stringify(page) })).toBeUndefined();
  expect(undocumented({ ...seen, status: 200, text: JSON.stringify({ ...page, extra: 1 }) })).toMatch(
    /extra/,
  );
  expect(undocumented({ ...seen, status: 418, text: '{}' })).toMatch(/418/);
  expect(undocumented({ ...seen, status: 200, contentType: 'text/html', text: '<p>' })).toMatch(/text\/html/);
});
