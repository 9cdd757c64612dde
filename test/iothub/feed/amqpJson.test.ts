import { expect, test } from 'vitest';
import { valueJson } from '../../../src/iothub/feed/amqpJson';

const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i += 1) value = i % 2 === 0 ? [value] : { member: value };
  return value;
};

test('lists and maps are JSON up to 64 levels, and null below them', () => {
  expect(JSON.parse(valueJson(nested(64)))).toEqual(nested(64));
  const deep = valueJson(nested(100_000));
  expect(deep.match(/[[{]/g)).toHaveLength(64);
  expect(deep).toContain('null');
  JSON.parse(deep);
});
