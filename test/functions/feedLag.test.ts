import { readFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFeedLag } from '../../src/monitoring/feedLag';
import type { MetricSummary } from '../../src/monitoring/customMetric';
import { type Stack, startStack } from '../stack';

const DEVICE_KEY = Buffer.alloc(32, 4).toString('base64');

interface Sent {
  url: string;
  authorization: string | undefined;
  body: any;
}

/** App Service's token endpoint, and the endpoint of Azure Monitor for custom metrics. */
interface FakeAzureMonitor {
  url: string;
  sent: Sent[];
  tokensFor: (string | null)[];
  close: () => void;
}

async function startFakeAzureMonitor(): Promise<FakeAzureMonitor> {
  const sent: Sent[] = [];
  const tokensFor: (string | null)[] = [];
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (url.pathname === '/token') {
        tokensFor.push(url.searchParams.get('resource'));
        const expires = Math.floor(Date.now() / 1000) + 3600;
        response.end(
          JSON.stringify({ access_token: 'test-token', expires_on: expires, token_type: 'Bearer' }),
        );
      } else {
        sent.push({
          url: url.pathname,
          authorization: request.headers.authorization,
          body: JSON.parse(text),
        });
        response.end('{}');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, sent, tokensFor, close: () => server.close() };
}

/** The `parse` of the workbook's query, as a regular expression. */
function patternOfTheWorkbook(): RegExp {
  const workbook = readFileSync('infra/operations/workbook.json', 'utf8');
  const [, pattern = ''] = /parse Message with (.*?) \*\\n/.exec(workbook) ?? [];
  const types: Record<string, string> = { int: '\\d+', real: '[\\d.]+' };
  const parts = [...pattern.matchAll(/'([^']*)'|\w+: (\w+)/g)];
  expect(parts.length).toBe(7);
  return new RegExp(
    parts
      .map(([, text, type = '']) => text?.replace(/[()]/g, '\\$&') ?? `(${types[type] ?? 'unknown'})`)
      .join(''),
  );
}

describe('the lag of the workers', () => {
  let monitor: FakeAzureMonitor;
  let stack: Stack;
  beforeAll(async () => {
    monitor = await startFakeAzureMonitor();
    stack = await startStack({
      settings: {
        IDENTITY_ENDPOINT: `${monitor.url}/token`,
        IDENTITY_HEADER: 'test',
        AZURE_MONITOR_METRICS_URL: `${monitor.url}/subscriptions/s/providers/Microsoft.Web/sites/f/metrics`,
      },
    });
  });
  afterAll(async () => {
    await stack.close();
    monitor.close();
  });

  it('is reported as a metric and a log line once per minute, not per poll', async () => {
    await stack.register('lag', DEVICE_KEY);
    for (const event of ['browse_product', 'add_to_cart']) {
      await stack.send({ deviceId: 'lag', deviceKey: DEVICE_KEY, deviceMessage: { event } });
    }
    const { json } = await stack.feed();
    expect(json.messages).toHaveLength(2);
    await expect.poll(() => monitor.sent).toHaveLength(1);
    await stack.feed({ after_offset: json.next_offset });
    const [{ url, authorization, body }] = monitor.sent as [Sent];
    expect(url).toBe('/subscriptions/s/providers/Microsoft.Web/sites/f/metrics');
    expect(authorization).toBe('Bearer test-token');
    expect(monitor.tokensFor).toEqual(['https://monitoring.azure.com/']);
    expect(Date.parse(body.time)).toBeGreaterThan(Date.now() - 60_000);
    const { metric, namespace, series } = body.data.baseData;
    expect([metric, namespace]).toEqual(['FeedLagSeconds', 'Hubfront']);
    expect(series).toEqual([
      { min: expect.any(Number), max: expect.any(Number), sum: expect.any(Number), count: 1 },
    ]);
    expect(stack.logged.filter((line) => line.includes('Feed: '))).toEqual([
      expect.stringMatching(/Feed: 1 poll\(s\), 2 message\(s\), at most \d+\.\d s behind/),
    ]);
    expect(stack.logged.join('\n')).not.toContain('test-token');
    const [line = ''] = stack.logged.filter((one) => one.includes('Feed: '));
    expect(line).toMatch(patternOfTheWorkbook());
  });
});

describe('the lag within a minute', () => {
  let time: number;
  const sent: MetricSummary[] = [];
  const lines: string[] = [];
  const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  const feedLag = (fails?: string) =>
    createFeedLag(
      (_metric, summary) => {
        sent.push(summary);
        return fails === undefined ? Promise.resolve() : Promise.reject(new Error(fails));
      },
      () => time,
    );
  beforeEach(() => {
    time = 1_000_000;
    sent.length = 0;
    lines.length = 0;
  });

  it('is aggregated until the first poll after it', () => {
    const lag = feedLag();
    for (const [after, lagSeconds] of [
      [0, 5],
      [10_000, 0],
      [20_000, 90],
      [60_000, 30],
    ] as const) {
      time = 1_000_000 + after;
      lag.record({ lagSeconds, messages: 10 }, log);
    }
    expect(sent).toEqual([
      { min: 5, max: 5, sum: 5, count: 1 },
      { min: 0, max: 90, sum: 120, count: 3 },
    ]);
    expect(lines.at(-1)).toBe('Feed: 3 poll(s), 30 message(s), at most 90.0 s behind');
  });

  it('is warned about with the next report if the metric could not be sent', async () => {
    const lag = feedLag('Azure Monitor returned 403');
    lag.record({ lagSeconds: 0, messages: 0 }, log);
    await Promise.resolve();
    await Promise.resolve();
    time += 60_000;
    lag.record({ lagSeconds: 0, messages: 0 }, log);
    expect(lines).toContain('The metric FeedLagSeconds was not sent: Azure Monitor returned 403');
    expect(sent).toHaveLength(2);
  });
});
