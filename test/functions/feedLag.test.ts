import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 4).toString('base64');
const LINE = /Feed: 2 message\(s\), newest \d+\.\d s old/;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

test("the log says how far the worker is behind, in the words that the operator's alert and workbook read", async () => {
  await stack.register('lag', DEVICE_KEY);
  for (const event of ['browse_product', 'add_to_cart']) {
    await stack.send({ deviceId: 'lag', deviceKey: DEVICE_KEY, deviceMessage: { event } });
  }
  const { json } = await stack.feed();
  expect(json.messages).toHaveLength(2);
  await expect.poll(() => stack.logged.join('\n')).toMatch(LINE);
  // Nothing new, nothing to say.
  const before = stack.logged.length;
  await stack.feed({ after_offset: json.next_offset });
  expect(stack.logged.slice(before).join('\n')).not.toContain('Feed: ');
  const parse =
    "parse Message with 'Feed: ' messages: int ' message(s), newest ' lagSeconds: real ' s old' *";
  for (const file of ['feedLag.kql', 'workbook.json']) {
    expect(readFileSync(`infra/operations/${file}`, 'utf8')).toContain(parse);
  }
});
