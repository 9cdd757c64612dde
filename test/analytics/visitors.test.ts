import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../../analytics/cli';

/** What arrives from `sender`, whose body names `claimed`. */
const event = (sender: string, claimed: string, n: number): object => ({
  deviceId: claimed,
  Data: { event: 'browse_product', product_id: 162 },
  EventEnqueuedUtcTime: `2026-11-24T10:00:0${n}.0000000Z`,
  IoTHub: { MessageId: `m${n}`, ConnectionDeviceId: sender },
});

test('the deployed query shows visitors, not their gateways, and believes no other body', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-visitors-'));
  const [input, output] = [join(folder, 'events.json'), join(folder, 'rows.ndjson')];
  const events = [
    event('web-gateway-00', 'web-first', 1),
    event('web-gateway-255', 'web-second', 2),
    event('phone-1', 'web-first', 3),
    // Such ids are not reserved, so anybody may own these devices.
    event('web-gateway-0', 'web-first', 4),
    event('web-gateway-00-x', 'web-first', 5),
    event('my-web-gateway-00', 'web-first', 6),
  ];
  await writeFile(input, JSON.stringify(events));
  await main([
    ...['--input', `events=${input}`],
    ...['--reference', 'products=infra/analytics/samples/products.json'],
    ...['--reference', 'skus=infra/analytics/samples/skus.json'],
    ...['--query', 'infra/analytics/query.asaql', '--output', output],
  ]);
  const rows = (await readFile(output, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { message_id: string; device_id: string });
  expect(Object.fromEntries(rows.map(({ message_id, device_id }) => [message_id, device_id]))).toEqual({
    m1: 'web-first',
    m2: 'web-second',
    m3: 'phone-1',
    m4: 'web-gateway-0',
    m5: 'web-gateway-00-x',
    m6: 'my-web-gateway-00',
  });
  await rm(folder, { recursive: true, force: true });
});
